/** An era of an extrinsic: the blocks it may stand in. */
export type Era = { birth: number; death: number } | 'immortal'

/**
 * Two bytes: low 4 bits = log2(period) − 1, the rest the phase in steps of max(period / 4096, 1). `current` is the block it would stand in.
 * (sp_runtime::generic::Era)
 */
export function mortal(low: number, high: number, current: number): Era {
  const encoded = low + high * 256
  const period = 2 << (encoded & 15)
  const phase = Math.floor(encoded / 16) * Math.max(Math.floor(period / 4096), 1)
  if (period < 4 || phase >= period) throw new Error(`no era: period ${period}, phase ${phase}`)
  const birth = Math.floor((Math.max(current, phase) - phase) / period) * period + phase
  return { birth, death: birth + period }
}
