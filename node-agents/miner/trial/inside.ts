import * as z from 'zod'
import { reason } from '../../core/mistake.ts'
import type { Container, Driver, Owner, SshRun } from '../../core/ports.ts'
import { type Host, withScript } from '../../core/proof/over-ssh.ts'
import { oneLine } from '../../core/text.ts'
import { fail, type Finding, ok, warn } from '../doctor/finding.ts'

const LOOK_MS = 30_000
const SELFTEST_MS = 180_000
/** Most of its output that is read. */
const OUTPUT_MOST = 1024 * 1024
const SHOWN = 300
/** Modules that a minimal Python lacks make it fail with their name. */
const LOOK = `import sys, ctypes, json, shutil, importlib.util as u
print(sys.version.split()[0], *[m for m in ("torch", "numpy") if u.find_spec(m)])`
const BY_HAND = 'python3 gpu/proof.py selftest by hand in the container says more; a torch that fits driver and card mostly helps'
const IMAGE = 'gpu/Dockerfile makes an image with all that is needed'

export type Inside = { driver: Driver; owner: Owner; container: Container; python: string; simulated: boolean }

/** Whether the image has what the script needs. */
export async function pythonInside({ driver, owner, container, python, simulated }: Inside): Promise<Finding> {
  const { exitCode, output } = await driver
    .exec(owner, container, [python, '-c', LOOK], {}, LOOK_MS)
    .catch((error: unknown) => ({ exitCode: -1, output: reason(error) }))
  if (exitCode !== 0)
    return fail(
      'python',
      `${python} does not run in the image: ${shown(output)}`,
      `put python3 (3.9 or newer, with its whole library) and torch into the image; ${IMAGE}`,
    )
  const [version = '', ...modules] = output.trim().split(/\s+/)
  if (isOld(version)) return fail('python', `${python} in the image is ${shown(version)}, and 3.9 is the oldest that will do`, IMAGE)
  const has = modules.length === 0 ? 'without torch and numpy' : `with ${modules.join(' and ')}`
  if (modules.includes('torch')) return ok('python', `${shown(version)} ${has}`)
  if (simulated) return warn('python', `${shown(version)} ${has}: enough for cards that are only said to be there`, null)
  return fail('python', `${shown(version)} ${has}: nothing reaches the GPUs`, `pip install torch in the image; ${IMAGE}`)
}

const isOld = (version: string) => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return !(major > 3 || (major === 3 && minor >= 9))
}

/** Known answers on every engine of the cards, as `proof.py selftest` has them. Rejects with the signal's reason. */
export async function selftestInside(host: Host): Promise<Finding> {
  const signal = AbortSignal.any([host.signal, AbortSignal.timeout(SELFTEST_MS)])
  try {
    const { code, said, errors } = await withScript({ ...host, signal }, 'selftest', (run) => heard(run, signal))
    if (code === 0) return ok('selftest', summary(said))
    return fail('selftest', `it ended with ${code === null ? 'no code' : `code ${code}`}: ${shown(errors || said)}`, BY_HAND)
  } catch (error) {
    host.signal.throwIfAborted()
    return fail('selftest', signal.aborted ? `it did not end within ${SELFTEST_MS / 1000} s` : reason(error), BY_HAND)
  }
}

/** All that a command says, until it ends. Rejects with the signal's reason. */
async function heard(run: SshRun, signal: AbortSignal): Promise<{ code: number | null; said: string; errors: string }> {
  const onAbort = () => run.close()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const decoder = new TextDecoder()
    let said = ''
    for await (const bytes of run.output) {
      said += decoder.decode(bytes, { stream: true })
      if (said.length > OUTPUT_MOST) throw new Error('its output has no end')
    }
    return { code: await run.ended, said, errors: run.errors() }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

const line = z.object({ t: z.literal('selftest'), g: z.number(), engines: z.record(z.string(), z.object({ ok: z.boolean().optional() })) })

/** Which engines gave the known answers, of each GPU. */
function summary(said: string): string {
  const gpus = said.split('\n').flatMap((text) => {
    const { data } = line.safeParse(jsonOf(text))
    return data
      ? [
          `GPU ${data.g}: ${Object.entries(data.engines)
            .flatMap(([name, { ok: right }]) => (right ? [name] : []))
            .join(', ')}`,
        ]
      : []
  })
  return `known answers on ${shown(gpus.join('; ') || said)}`
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // not one of its lines
  }
}

/** The end of what came from inside, on one line and fit for a terminal. */
const shown = (text: string) => oneLine(text.trim()).slice(-SHOWN)
