import type { Card } from '../../core/catalog.ts'
import { gatesOf, MEASURES, shown } from '../../core/proof/identify/gates.ts'
import type { Identity } from '../../core/proof/identify/types.ts'
import type { Phase, SessionResult } from '../../core/proof/session/types.ts'
import { fail, type Finding, ok, warn } from '../doctor/finding.ts'

/** What a validator would make of a session. `findings`: one for each gate, with its fix where it does not hold. */
export type Opinion = { result: 'valid' | 'invalid' | 'failed'; says: string; findings: Finding[] }

const FASTER =
  'nvidia-smi -q -d PERFORMANCE,POWER,CLOCK shows what slows a card; end what else runs on it and on the host, whose processors hash along, and raise power limit and cooling'
const TESTED = 'dcgmi diag -r 3 tests the card and its memory; take back any overclocking, and run this again: twice the same means it makes errors'
const SERVES = 'take an image with python3 and torch, such as one of gpu/Dockerfile'

/** What to do about a session that ended too early. Pure. */
const FIXES: Record<Phase, string> = {
  hello: SERVES,
  ping: 'run this again; if it repeats, the host is too busy to answer at once: end what else runs there',
  prep: 'nvidia-smi shows who else holds memory of the cards; torch must be one that knows these cards (2.1 or newer)',
  wait: 'run this again',
  chain: FASTER,
  sweep: FASTER,
  roots: 'run this again; if it repeats, end what else runs on the host',
  open: 'run this again; if it repeats, end what else runs on the host',
}

/** Pure. @param card what was claimed @param identity null: not all GPUs got through what is timed */
export function judgeTrial(session: SessionResult, card: Card, identity: Identity | null): Opinion {
  const early = session.ended === 'complete' ? [] : [cut(session)]
  const measured = identity ? [...gates(card, identity), ...said(identity), ...engines(session, identity)] : []
  return { ...verdict(session, identity), findings: [...early, arithmetic(session), ...measured] }
}

function verdict({ ended, text, verdict: exact }: SessionResult, identity: Identity | null): Pick<Opinion, 'result' | 'says'> {
  if (exact.result === 'mismatch') return { result: 'invalid', says: `invalid: ${exact.text}. The same in a second session is called cheating` }
  if (ended !== 'complete') return { result: 'failed', says: `failed: ${text}` }
  if (exact.result !== 'passed') return { result: 'failed', says: `failed: ${exact.text}` }
  if (!identity) return { result: 'failed', says: 'failed: not all GPUs have times' }
  if (identity.result === 'refused') return { result: 'failed', says: `failed: ${identity.text}` }
  if (identity.result === 'simulated') return { result: 'valid', says: 'simulated: the arithmetic holds, nothing is said of speed, and nobody pays for it' }
  return { result: 'valid', says: `valid, paid as ${identity.model ?? 'nothing'}` }
}

function arithmetic({ verdict: exact }: SessionResult): Finding {
  if (exact.result === 'passed') return ok('arithmetic', exact.text)
  if (exact.result === 'mismatch') return fail('arithmetic', exact.text, TESTED)
  return warn('arithmetic', `not all could be checked: ${exact.text}`, null)
}

const cut = ({ ended, phase, text }: SessionResult): Finding =>
  fail(
    'session',
    text,
    ended === 'malformed' ? 'run this again with the image as it was built: something else writes to the output of the script' : FIXES[phase],
  )

/** What was measured of the slowest card against the least that passes as what is claimed. */
function gates(card: Card, { result, measured }: Identity): Finding[] {
  if (result === 'simulated') return []
  const least = gatesOf(card)
  return MEASURES.map(({ name, unit }) => {
    const says = `${shown(measured[name])} ${unit}, and an ${card.name} has at least ${shown(least[name])}`
    return measured[name] >= least[name] ? ok(unit, says) : fail(unit, says, FASTER)
  })
}

function said({ result, text, model, confidence, runnerUp, flags }: Identity): Finding[] {
  const next = confidence === null || runnerUp === null ? '' : `; ${Math.round(confidence * 100)} % sure, next comes ${runnerUp}`
  const lesser = 'if it is what you claim, see the gates above; else claim what it is'
  const finding = {
    proven: () => ok('model', `it passes as ${model ?? 'nothing'}${next}`),
    simulated: () => warn('model', text, null),
    paid_down: () => warn('model', `it would be paid as ${model ?? 'nothing'}${next}`, lesser),
    refused: () => fail('model', text, lesser),
  }
  return [finding[result](), ...flags.map((flag) => warn('flag', flag, null))]
}

/** Cards whose fastest units were left out say so: the script takes the fastest engine that is exact. */
function engines({ claims }: SessionResult, { result }: Identity): Finding[] {
  const slow = claims.filter(({ engine }) => engine === 'f32' || engine === 'f64')
  if (slow.length === 0 || result === 'simulated') return []
  const which = slow.map(({ gpu, engine }) => `GPU ${gpu} uses ${engine ?? '?'}`).join(', ')
  return [warn('engine', `${which}: no unit for whole numbers or short floats was exact there`, 'a newer torch (2.8 or newer) knows more units')]
}
