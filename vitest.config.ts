import { defineConfig } from 'vitest/config'

/** Suites that work a real container engine hard: one at a time, after all others, or they time each other out. */
const ENGINE = [
  'test/{disks,docker,doctor,driver,guard,images,isolation,miner.takeover,proof.docker,shell.docker,story,trial.docker,up}.test.ts',
  'test/faults/{containers,kill.docker}.test.ts',
]
const NEVER = ['node_modules', '.build', '.local']
/** What the public client of the chain prints about every refusal, also those that a test is about. */
const CLIENT_NOISE = / (RPC-CORE|API\/INIT): /

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Agents load one form of the SDK, the public client of the tests the other: in tests only, both are there.
    env: { POLKADOTJS_DISABLE_ESM_CJS_WARNING: '1' },
    onConsoleLog: (line) => !CLIENT_NOISE.test(line),
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: '.build/tests.json' }]] : ['default'],
    projects: [
      { extends: true, test: { name: 'parts', include: ['**/*.test.ts'], exclude: [...NEVER, ...ENGINE], maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'engine', include: ENGINE, exclude: NEVER, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
