import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { AGENT_FLAGS } from './flags.ts'

it('the compute script starts agents under the same flags', () => {
  const script = readFileSync(new URL('../../compute', import.meta.url), 'utf8')
  expect(script).toContain(`miner | validator) set -- ${AGENT_FLAGS.join(' ')} "$root`)
})
