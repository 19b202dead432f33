import type { SnapshotOutcome } from '../../schema/index.ts'

/** What came of a snapshot that the edge took, where it is no good news: what it means and who can do what. */
const OUTCOMES: Record<SnapshotOutcome, ((block: number) => string) | null> = {
  counted: null,
  applied: null,
  held: (block) =>
    `the validators agree on block ${block}, but it changes too many roles at once: the operator of the edge looks at it (compute admin snapshot) and accepts or ignores it`,
  older: (block) => `the edge has already agreed on a later block than ${block}: is this chain endpoint behind? See "head" in compute validator status`,
  stale: (block) => `block ${block} is too old to change anything: the chain stands still, or its endpoint is behind`,
  subnet: () => `the edge serves another subnet or another chain: check --netuid and --chain`,
  changed: (block) =>
    `this hotkey told the edge something else of block ${block} before: does a second validator run with it? Stop one of them, and check what its chain endpoint says`,
}

/** What the operator should know of an outcome; null: all is well. */
export function outcomeAdvice(outcome: SnapshotOutcome, block: number): string | null {
  return OUTCOMES[outcome]?.(block) ?? null
}

/** What the operator can do about a refusal of the edge, by its code; null: it may pass by itself. */
export function refusalAdvice(code: string, hotkey: string): string | null {
  switch (code) {
    case 'not_trusted':
    case 'not_admitted':
    case 'wrong_role':
      return `the edge takes no snapshots of this hotkey: its operator adds ${hotkey} to TRUSTED_VALIDATORS`
    case 'stale':
      return 'the clock of this machine is more than a day off: set up NTP, such as: timedatectl set-ntp true'
    case 'wrong_receiver':
    case 'malformed_signature':
    case 'bad_signature':
      return 'the edge does not take the signature of this agent: is this version as new as the edge?'
    case 'invalid_request':
    case 'body_too_large':
    case 'not_found':
      return 'the edge does not understand this snapshot: use the version of this program that the edge was made with'
    case 'not_the_edge':
      return 'what answers there is not the edge of the registration string: check --edge'
    default:
      return null
  }
}
