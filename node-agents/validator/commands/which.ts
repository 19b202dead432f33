import { Mistake } from '../../core/mistake.ts'
import { which } from '../operator/answers.ts'

/** A miner as an operator names it. @throws Mistake when it can be nobody */
export function minerIn(text: string) {
  const read = which.safeParse({ miner: /^[0-9]{1,5}$/.test(text) ? Number(text) : text })
  if (read.success) return read.data
  throw new Mistake(`${JSON.stringify(text)} is neither a hotkey (ss58) nor a uid; compute validator miners shows both`)
}
