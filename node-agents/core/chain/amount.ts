const RAO = 1_000_000_000n

/** Rao as people read it: TAO (or alpha), every digit that is not a closing zero. */
export function inTao(rao: bigint): string {
  const rest = String(rao % RAO)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${rao / RAO}${rest && `.${rest}`}`
}
