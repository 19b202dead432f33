import { randomBytes } from 'node:crypto'
import type { SessionResult } from '../../node-agents/core/proof/session/types.ts'
import type { Sizes } from '../../node-agents/core/proof/sizes.ts'
import { type Matrix, rolled } from './pog.ts'
import type { Deed, Said, Told, Twist } from './fake-prover.ts'

/** Hosts that lie, each in one way, and what a session must make of it. */

/** What a host that lies is, for a test's name; what it does; and what must come of it. */
export type Picture = {
  name: string
  twist: Twist
  /** How many GPUs are asked for; as many answer, unless the twist has it otherwise. One by default. */
  gpus?: number
  /** Sizes it works in, instead of those it is asked for. */
  sizes?: Partial<Sizes>
  ends: SessionResult['ended']
  /** Two where it hangs on how what came was cut into pieces. */
  phase: SessionResult['phase'] | SessionResult['phase'][]
  /** What the text of the result must say. */
  says: RegExp | string
}

/** Instead of one answer, or of the greeting. */
const on = (c: string | null, deeds: (answer: Said[], told: Told | null) => Deed[]): Twist => ({
  instead: (answer, told) => ((told?.c ?? null) === c ? deeds(answer, told) : answer),
})
/** Some lines are changed. */
const changing = (t: string, how: (said: Said) => Said): Twist => ({ instead: (answer) => answer.map((said) => (said.t === t ? how(said) : said)) })
const raw = (text: string): Deed => Buffer.from(text)

const garbage = (like: Matrix): Matrix => like.map((row) => new Int8Array(randomBytes(row.length)))
const zeros = (like: Matrix): Matrix => like.map((row) => new Int8Array(row.length))

const mismatch = { ends: 'complete', phase: 'open' } as const

/** Those that do not do the work. Each is a mismatch: exact, and it names its row. */
export const FORGERS: Picture[] = [
  { name: 'a transcript made beforehand, of another seed', twist: { cheat: { seed: Buffer.alloc(32, 1) } }, ...mismatch, says: /is not the row of its digest/ },
  { name: "another GPU's transcript", twist: { cheat: { gpu: 5 } }, ...mismatch, says: /does not follow from the state before/ },
  { name: 'one transcript for two GPUs', twist: { cheat: () => ({ gpu: 0 }) }, gpus: 2, ...mismatch, says: /^GPU 1: .* does not follow/ },
  {
    name: 'a sweep of another nonce',
    twist: { cheat: { nonce: Buffer.alloc(32, 1) } },
    ...mismatch,
    says: /does not (come of the nonce|follow from the step)/,
  },
  { name: 'every second round skipped', twist: { cheat: { round: (t, before, right) => (t % 2 ? rolled(before) : right()) } }, ...mismatch, says: /state/ },
  {
    name: 'half of the rows worked out',
    twist: { cheat: { round: (_, before, right) => right().map((row, a) => (a % 2 ? (before[a] ?? row) : row)) } },
    ...mismatch,
    says: /does not follow from the state before/,
  },
  { name: 'garbage for states', twist: { cheat: { round: (_, before) => garbage(before) } }, ...mismatch, says: /does not follow from the state before/ },
  { name: 'zeros for states', twist: { cheat: { round: (_, before) => zeros(before) } }, ...mismatch, says: /does not follow from the state before/ },
  { name: 'a sweep that stops half-way', twist: { cheat: { step: (q, before, right) => (q < 6 ? right() : before) } }, ...mismatch, says: /step/ },
  {
    name: 'a chain that was not made yet',
    twist: changing('tip', (said) => ({ ...said, h: 'ab'.repeat(32) })),
    ...mismatch,
    says: /the hash that stopped the clock of the chain is not that of its roots/,
  },
  {
    name: 'a sweep that was not made yet',
    twist: changing('swp', (said) => ({ ...said, h: '00'.repeat(32) })),
    ...mismatch,
    says: /the hash that stopped the clock of the sweep is not that of its root/,
  },
]

const b64 = (bytes: number) => Buffer.alloc(bytes).toString('base64')

/** Those that do not keep to the protocol. Never a proof, and never a mismatch. */
export const BABBLERS: Picture[] = [
  { name: 'words before the first line', twist: on(null, (a) => [raw('Welcome to my GPU farm!\n'), ...a]), ends: 'malformed', phase: 'hello', says: /no JSON/ },
  { name: 'an endless line', twist: on(null, () => [{ forever: Buffer.alloc(65_536, 'x') }]), ends: 'malformed', phase: 'hello', says: /a line of more than/ },
  {
    name: 'a line of 10 GB instead of an opening',
    twist: on('open', () => [raw('{"t":"o","g":0,"k":0,"d":"'), { forever: Buffer.alloc(65_536, 'A') }]),
    ends: 'malformed',
    phase: 'open',
    says: /a line of more than/,
  },
  { name: 'empty lines without end', twist: on('prep', () => [{ forever: Buffer.alloc(65_536, '\n') }]), ends: 'malformed', phase: 'prep', says: /no JSON/ },
  {
    name: 'warnings without end',
    twist: on('prep', () => [{ forever: Buffer.from('{"t":"warn","g":0,"e":"i8","m":"no"}\n'.repeat(1000)) }]),
    ends: 'malformed',
    phase: 'prep',
    says: /more than 16 warnings/,
  },
  {
    name: 'openings without end',
    twist: on('open', () => [{ forever: Buffer.from('{"t":"o","g":0,"k":0,"d":""}\n'.repeat(1000)) }]),
    ends: 'malformed',
    phase: 'open',
    says: /opening 0/,
  },
  { name: 'brackets without end', twist: on('go', () => [raw(`${'['.repeat(60_000)}\n`)]), ends: 'malformed', phase: 'chain', says: /no JSON/ },
  { name: 'NaN', twist: on('open', () => [raw('{"t":"o","g":0,"k":NaN,"d":""}\n')]), ends: 'malformed', phase: 'open', says: /no JSON/ },
  { name: 'bytes that are no text', twist: on('go', () => [Buffer.from([0xff, 0xfe, 0, 1, 10])]), ends: 'malformed', phase: 'chain', says: /no JSON/ },
  {
    name: 'bad base64',
    twist: changing('o', (said) => ({ ...said, d: '*'.repeat(String(said['d']).length) })),
    ends: 'malformed',
    phase: 'open',
    says: /no base64/,
  },
  {
    name: 'openings in another order',
    twist: on('open', (a) => [...a.slice(0, 2).toReversed(), ...a.slice(2)]),
    ends: 'malformed',
    phase: 'open',
    says: /opening 1 came when 0 was due/,
  },
  {
    name: 'an opening twice',
    twist: on('open', (a) => a.flatMap((said) => [said, said])),
    ends: 'malformed',
    phase: 'open',
    says: /opening 0 came when 1 was due/,
  },
  { name: 'openings left out', twist: on('open', (a) => a.slice(-1)), ends: 'malformed', phase: 'open', says: /done after 0 of/ },
  { name: 'done twice', twist: on('open', (a) => [...a.slice(-1), ...a]), ends: 'malformed', phase: 'open', says: /done after 0 of/ },
  {
    name: 'fewer roots than states',
    twist: changing('roots', (said) => ({ ...said, d: b64(7 * 32) })),
    ends: 'malformed',
    phase: 'roots',
    says: /roots of 224 bytes instead of 256/,
  },
  {
    name: 'half a hash for a sweep',
    twist: changing('swp', (said) => ({ ...said, h: 'ab'.repeat(16) })),
    ends: 'malformed',
    phase: 'sweep',
    says: /"swp": h: 32 bytes in lower-case hex/,
  },
  { name: 'half of K', twist: {}, sizes: { K: 4 }, ends: 'malformed', phase: 'roots', says: /roots of 128 bytes instead of 256/ },
  { name: 'half of n', twist: {}, sizes: { n: 32, w: 2 }, ends: 'malformed', phase: 'open', says: /bytes instead of/ },
  {
    name: 'a tip before the seed',
    twist: on('prep', (a) => [...a, { t: 'tip', g: 0, h: 'ab'.repeat(32) }]),
    ends: 'malformed',
    phase: ['prep', 'wait'],
    says: /"tip" came too early/,
  },
  { name: 'a tip twice', twist: on('go', (a) => [...a, ...a]), ends: 'malformed', phase: 'sweep', says: /"tip" came twice or too late/ },
  {
    name: 'roots before the sweep',
    twist: on('sweep', () => [{ t: 'roots', g: 0, d: b64(256) }]),
    ends: 'malformed',
    phase: 'sweep',
    says: /"roots" came too early/,
  },
  {
    name: 'openings before they were asked for',
    twist: on('roots', (a) => [...a, { t: 'o', g: 0, k: 0, d: '' }]),
    ends: 'malformed',
    phase: ['roots', 'open'],
    says: /"o" came too early/,
  },
  {
    name: 'a pong of its own',
    twist: on('ping', () => [{ t: 'pong', n: '0'.repeat(16) }]),
    ends: 'malformed',
    phase: 'ping',
    says: /a pong that answers no ping/,
  },
  { name: 'pongs twice', twist: on('ping', (a) => [...a, ...a]), ends: 'malformed', phase: 'ping', says: /a pong that answers no ping/ },
  {
    name: 'more GPUs than are proved',
    twist: on(null, (a) => [...a, ...a.map((said) => ({ ...said, g: 1 }))]),
    ends: 'malformed',
    phase: ['hello', 'ping'],
    says: /GPU 1, and there are 1/,
  },
  { name: 'a GPU that greets twice', twist: on(null, (a) => [...a, ...a]), gpus: 2, ends: 'malformed', phase: ['hello', 'ping'], says: /"hello" came twice/ },
  { name: 'the protocol of another version', twist: changing('hello', (said) => ({ ...said, v: 1 })), ends: 'malformed', phase: 'hello', says: /"hello": v/ },
  { name: 'words in between', twist: on('sweep', (a) => [raw('CUDA warning: something\n'), ...a]), ends: 'malformed', phase: 'sweep', says: /no JSON/ },
  {
    name: 'that it cannot, in colours',
    twist: on('prep', () => [{ t: 'error', g: 0, m: `no\u001b[2J\nmemory ${'x'.repeat(200)}` }]),
    ends: 'refused',
    phase: 'prep',
    says: /^prep: GPU 0 says: no\?\[2J memory x{60,}…$/,
  },
  {
    name: 'that nobody can',
    twist: on('go', () => [{ t: 'error', m: 'no GPU here' }]),
    ends: 'refused',
    phase: 'chain',
    says: 'chain: the script says: no GPU here',
  },
]
