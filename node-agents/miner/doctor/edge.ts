import { makeId } from '../../../schema/index.ts'
import { randomBytes } from 'node:crypto'
import { realClock } from '../../core/clock.ts'
import { ControlError, EdgeClock, HttpControl } from '../../core/control.ts'
import { reason } from '../../core/mistake.ts'
import type { Registration } from '../../core/registration.ts'
import type { Signer } from '../../core/signer.ts'
import { acceptIdentity } from '../../core/identity.ts'
import { admissionFix, WRONG_ROLE } from '../sync.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const OFFSET_MS = 1000
const TIMEOUT_MS = 10_000
const NTP = 'timedatectl set-ntp true, or: systemctl enable --now chrony'

/** Whether the edge answers, is the one that was pinned, and takes this hotkey. @param install of the agent, when there is one */
export async function edge(at: Registration | null, signer: Signer | null, install: string | null): Promise<Finding[]> {
  if (!at) return [warn('edge', 'no edge is named yet', 'name it with --edge, the registration string its operator gives you')]
  if (!signer) return [warn('edge', 'not asked: it takes a hotkey to ask', null)]
  const time = new EdgeClock(realClock)
  let address = ''
  const control = new HttpControl(at.url, signer, () => address, time)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  try {
    address = (await acceptIdentity(await control.identity(signal), at.pin, null)).address
  } catch (error) {
    return [fail('edge', `${at.url}: ${reason(error)}`, `curl -v ${at.url}/health; check --edge, the network and the firewall of this host`)]
  }
  const admitted = await admission(control, signer.address, install, signal)
  return [ok('edge', `${at.url} shows the pinned key`), admitted, clock(await offset(at.url, time, signal))]
}

/** A takeover from oneself changes nothing, and is answered only to those who are admitted. */
async function admission(control: HttpControl, hotkey: string, known: string | null, signal: AbortSignal): Promise<Finding> {
  const install = known ?? makeId('in', realClock.wallMs(), randomBytes(10))
  try {
    await control.takeover({ install, from: install }, signal)
    return ok('admission', 'the edge takes this hotkey, and this install speaks for it')
  } catch (error) {
    const code = error instanceof ControlError ? error.code : null
    if (code === 'not_registered') return ok('admission', 'the edge takes this hotkey; it registers when the agent starts')
    if (code === 'agent_conflict' && known === null) return ok('admission', 'the edge takes this hotkey; another install speaks for it')
    if (code === 'agent_conflict') return fail('admission', reason(error), 'stop the other agent, or: compute miner takeover')
    if (code === 'not_admitted') return fail('admission', reason(error), admissionFix(hotkey))
    if (code === 'wrong_role') return fail('admission', reason(error), WRONG_ROLE)
    return fail('admission', reason(error), 'see the message; try again')
  }
}

/** How far the edge's clock is ahead (ms); null: it does not say. A second is as exact as it gets. */
async function offset(url: string, time: EdgeClock, signal: AbortSignal): Promise<number | null> {
  if (time.offsetMs !== 0) return time.offsetMs
  const before = Date.now()
  const answer = await fetch(new URL('/health', url), { signal }).catch(() => null)
  const said = Date.parse(answer?.headers.get('date') ?? '')
  await answer?.body?.cancel()
  if (Number.isNaN(said)) return null
  // The header tells whole seconds, cut off: the middle of that second is the best guess.
  return said + 500 - (before + Date.now()) / 2
}

function clock(ms: number | null): Finding {
  if (ms === null) return warn('clock', 'the edge does not tell its time', NTP)
  const off = `${(Math.abs(ms) / 1000).toFixed(1)} s ${ms > 0 ? 'behind' : 'ahead of'} the edge`
  return Math.abs(ms) > OFFSET_MS ? warn('clock', `this clock is ${off}`, NTP) : ok('clock', `within a second of the edge`)
}
