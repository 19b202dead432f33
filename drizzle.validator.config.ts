import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'sqlite',
  schema: './schema/tables/validator/index.ts',
  out: './schema/migrations-validator',
  casing: 'snake_case',
})
