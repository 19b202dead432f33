import { expect, it } from 'vitest'
import type { ProofState, ProofVerdict } from '../../../schema/index.ts'
import { realClock } from '../../core/clock.ts'
import { ControlError } from '../../core/control.ts'
import { ShellError } from '../../core/ports.ts'
import { closeProof } from './close.ts'
import { checkAlive } from './liveness.ts'
import { markCommitted } from './marks.ts'
import type { NotProved } from './not-proved.ts'

/** What the edge is told, where it does not take it at once. */

const never = new AbortController().signal
const verdict = {} as ProofVerdict

/** Rejects like this, one after the other, and then takes everything. */
function edge(...errors: ControlError[]) {
  const calls: string[] = []
  const markProof = async (_: string, { mark }: { mark: string }) => {
    calls.push(mark)
    const error = errors.shift()
    if (error) throw error
    return {} as ProofState
  }
  return { control: { markProof, proof: async () => ({}) as ProofState }, calls }
}
const away = () => new ControlError('unavailable', 'away', true)
const no = () => new ControlError('invalid_request', 'no', false)

it('a mark that an edge dropped is said once more, and one that it refused is not', async () => {
  const dropped = edge(away())
  await markCommitted(dropped.control, 'al_1', 'ab', never)
  expect(dropped.calls).toEqual(['committed', 'committed'])
  const refused = edge(no())
  await expect(markCommitted(refused.control, 'al_1', 'ab', never)).rejects.toThrow('no')
  expect(refused.calls).toEqual(['committed'])
})

it('a verdict that an edge refused is not sent again', async () => {
  const refused = edge(no(), no(), no())
  expect(await closeProof(refused.control, 'al_1', verdict, { clock: realClock })).toEqual({ closed: false, own: false, why: 'no' })
  expect(refused.calls).toEqual(['close'])
})

it.each([
  ['wrong_host_key', false],
  ['timeout', true],
] as const)('a host that only ever meets us with %s is unreachable: %j', (code, unreachable) => {
  const seen = [1, 2].map((elapsedMs) => ({ elapsedMs, failure: new ShellError(code, 'so it was') }))
  expect(() => checkAlive(seen)).toThrow(expect.objectContaining({ name: 'NotProved', unreachable }) as NotProved)
  expect(() => checkAlive([...seen, { elapsedMs: 3, failure: null }])).not.toThrow()
})
