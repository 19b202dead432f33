export { generateHostKey } from '../core/hostkey.ts'
