import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { GpuFact } from '../../schema/index.ts'

const VRAM_MIB = [
  [/h200/i, 143_771],
  [/b200/i, 183_359],
  [/h100|a100.*80/i, 81_559],
  [/4090|3090/i, 24_564],
] as const
const VRAM_OTHERWISE = 24_576

const FORMAT = 'MODEL:COUNT or MODEL:COUNT:VRAM_MIB, such as "NVIDIA H200:8", with 1 to 64 GPUs'
const PATTERN = /^(?<model>[^:\n]{1,64}):(?<count>[1-9][0-9]?)(?::(?<vram>[1-9][0-9]{2,7}))?$/

export type Simulated = { model: string; count: number; vramMb: number }

/** Parses `--simulate-gpu`. */
export const simulateGpu = z.string().transform((text, ctx): Simulated => {
  const { model = '', count = '0', vram } = PATTERN.exec(text.trim())?.groups ?? {}
  if (model.trim() !== '' && Number(count) >= 1 && Number(count) <= 64) {
    const known = VRAM_MIB.find(([name]) => name.test(model))?.[1] ?? VRAM_OTHERWISE
    return { model: model.trim(), count: Number(count), vramMb: vram ? Number(vram) : known }
  }
  ctx.addIssue({ code: 'custom', message: FORMAT })
  return z.NEVER
})

/** The same UUIDs at every start, and others for every hotkey: two simulated hosts never show the same card. */
export function simulatedGpus(hotkey: string, s: Simulated): GpuFact[] {
  return Array.from({ length: s.count }, (_, index) => {
    const h = createHash('sha256').update(`simulated-gpu\n${hotkey}\n${s.model}\n${index}`).digest('hex')
    const uuid = `GPU-${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20, 32)}`
    return { uuid, index, model: s.model, vram_mb: s.vramMb }
  })
}
