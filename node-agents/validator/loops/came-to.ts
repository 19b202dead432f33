import type { Outcome, Tried } from './proof.ts'

const WORDS: Record<Outcome, string> = { valid: 'valid', invalid: 'INVALID', failed: 'failed', put_off: 'put off', own_fault: 'own fault' }

/** What a reason begins with to say the same. */
const KIND = /^(put off|this validator's own fault): /

/** What tries came to, for a log: how many of each kind, the reason of one beside it. Else a round that was put off as a whole says nothing. Pure. */
export function cameTo(tried: readonly Pick<Tried, 'outcome' | 'reason' | 'target'>[]): string {
  const kinds = Map.groupBy(tried, ({ outcome }) => outcome)
  const said = [...kinds].map(([outcome, [first, ...more]]) => {
    const why = outcome === 'valid' || !first?.reason ? '' : ` (uid ${first.target.uid}: ${first.reason.replace(KIND, '')})`
    return `${1 + more.length} ${WORDS[outcome]}${why}`
  })
  return said.join(', ') || 'nobody was tried'
}
