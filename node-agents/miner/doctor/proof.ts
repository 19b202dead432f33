import { reason } from '../../core/mistake.ts'
import type { CheckConfig } from '../config.ts'
import type { MakeDriver } from '../main.ts'
import { RentedOut } from '../trial/cards.ts'
import { LOCAL, startTrial } from '../trial/start.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const CHECK = 'proof of GPU'
const ORDER = { which: 'every', image: null, as: null, bundle: null, selftest: true, tell: () => undefined } as const

/** What a validator would say of all cards of this host, with a finding for each gate. Nothing is tried while a card is rented. */
export async function proof(config: CheckConfig, makeDriver: MakeDriver, signal: AbortSignal): Promise<Finding[]> {
  const driver = await makeDriver({ ...config, bind: LOCAL })
  try {
    const { result, says, findings } = await startTrial(config, driver, ORDER, signal)
    const verdict = `a validator would say: ${says}`
    const fix = 'what failed above says what to do; compute proof run tries again'
    return [...findings.map((f) => ({ ...f, check: `proof: ${f.check}` })), result === 'valid' ? ok(CHECK, verdict) : fail(CHECK, verdict, fix)]
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof RentedOut) return [warn(CHECK, `not tried: ${error.message}`, null)]
    return [fail(CHECK, `not tried: ${reason(error)}`, 'put that right, then: compute proof run')]
  } finally {
    await driver.close?.()
  }
}
