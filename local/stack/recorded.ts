import type { GpuFact } from '../../schema/index.ts'
import { writeAtomic } from '../../node-agents/core/files.ts'
import { Mistake } from '../../node-agents/core/mistake.ts'
import type { Proved } from '../../node-agents/core/ports.ts'
import { nvidiaGpus } from '../../node-agents/miner/nvidia.ts'
import { simulatedGpus, simulateGpu } from '../../node-agents/miner/simulate.ts'

const ASK_MS = 60_000

/**
 * Writes down, for `--recorded-proofs`, that these miners have just the cards they report: those of `--simulate-gpu`, or this machine's own.
 * The stack made the miners itself, so there is nothing to find out.
 * @param simulate null: the cards that nvidia-smi names
 */
export async function record(path: string, hotkeys: string[], simulate: string | null): Promise<void> {
  const proofs: Record<string, Proved> = {}
  for (const hotkey of hotkeys) proofs[hotkey] = { result: 'valid', gpus: await gpusOf(hotkey, simulate), simulated: simulate !== null }
  await writeAtomic(path, JSON.stringify(proofs, null, 2))
}

async function gpusOf(hotkey: string, simulate: string | null): Promise<Pick<GpuFact, 'uuid' | 'model'>[]> {
  const gpus = simulate === null ? await realGpus() : simulatedGpus(hotkey, simulateGpu.parse(simulate))
  return gpus.map(({ uuid, model }) => ({ uuid, model }))
}

async function realGpus(): Promise<GpuFact[]> {
  const facts = await nvidiaGpus(AbortSignal.timeout(ASK_MS))
  if (facts.status === 'ok') return facts.gpus
  const why = facts.status === 'failed' ? facts.message : 'there is none'
  throw new Mistake(`the NVIDIA cards of this machine cannot be listed (${why}): mend that, or pretend to have some with --simulate-gpu "NVIDIA H200:8"`)
}
