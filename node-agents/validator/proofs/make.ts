import type { Catalog } from '../../core/catalog.ts'
import type { HttpControl } from '../../core/control.ts'
import type { Log } from '../../core/log.ts'
import type { Meeting } from '../../core/meeting.ts'
import type { Chain, Clock, Prover } from '../../core/ports.ts'
import { BundleWriter } from '../../core/proof/bundle/write.ts'
import { proofScript, proveOver } from '../../core/proof/over-ssh.ts'
import type { Signer } from '../../core/signer.ts'
import type { ValidatorConfig } from '../config.ts'
import { RecordedProver } from '../prover.ts'
import type { State } from '../state.ts'
import type { Store } from '../store/types.ts'
import { Bundles } from './bundles.ts'
import { EdgeProver, type EdgeProverDeps } from './prover.ts'

/** What a test may put in place of the real thing. */
export type ProverParts = Partial<Pick<EdgeProverDeps, 'shell' | 'session' | 'openBundle'>>

type Outside = {
  control: HttpControl
  meeting: Meeting
  chain: Chain
  store: Store
  state: State
  catalog: Catalog
  signer: Signer
  netuid: number
  block: () => number
  nowMs: () => number
  clock: Clock
  log: Log
}

const MB = 1024 * 1024

/** What proves miners: over SSH, or by a file where the operator says so. SSH is loaded only by those who use it. */
export async function proverOf(config: ValidatorConfig, { state, ...outside }: Outside, parts: ProverParts = {}): Promise<Prover> {
  if (config.recordedProofs !== null) return new RecordedProver(config.recordedProofs, () => state.development())
  const { log, signer } = outside
  return new EdgeProver({
    ...outside,
    shell: parts.shell ?? (await import('../../core/ssh/client.ts')).sshShell(),
    session: parts.session ?? proveOver,
    openBundle: parts.openBundle ?? ((path) => new BundleWriter(path, signer)),
    bundles: new Bundles(config.state, { count: config.keepBundles, bytes: config.keepBundlesMb * MB }, log),
    python: config.proofPython,
    script: await proofScript(),
  })
}
