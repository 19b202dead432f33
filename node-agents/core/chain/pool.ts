import { sign as sr25519 } from '@scure/sr25519'
import { decodeHotkey } from '../../../schema/index.ts'
import type { Hotkey } from '../hotkey.ts'
import type { Signed } from './codec.ts'
import { ChainError } from './errors.ts'
import type { Reader } from './link.ts'
import { bytes, count, list, orNull, struct } from './plain.ts'
import type { RuntimeCall } from './wire.ts'

/** Blocks in which a transaction may still be taken; a power of two. 13 minutes of 12-second blocks. */
export const ERA_BLOCKS = 64

/** One signed transaction on its way. Sent again with the same bytes it is the same transaction: it can never count twice. */
export type Sent = Signed & { call: string; nonce: number; /** Its blocks come after this one. */ birth: number }

/** Where a transaction ended, as far as a pool tells: in a block; out of the pool; or the pool itself is out of reach. */
export type Fate = { in: string; finalized: boolean } | { out: 'invalid' | 'dropped' | 'usurped' } | 'lost'

/** Signs for the best block now, with the next nonce counting what waits in the pool. */
export async function signed(reader: Reader, by: Hotkey, call: RuntimeCall, leastNonce: number): Promise<Sent> {
  const [best, finalized, next] = await Promise.all([
    reader.best(),
    reader.rpc.ask('chain_getFinalizedHead', [], bytes),
    reader.rpc.ask('system_accountNextIndex', [by.address], count),
  ])
  const [codec, head, final] = await Promise.all([reader.codeCodec(best), reader.blockOf(best), reader.blockOf(finalized)])
  // Bound to a block that cannot be replaced any more, unless finality is far behind.
  const birth = head.number - final.number < ERA_BLOCKS / 2 ? final : head
  const nonce = Math.max(next, leastNonce)
  const publicKey = decodeHotkey(by.address)
  if (!publicKey) throw new RangeError(`"${by.address}" is no ss58 address`)
  const made = codec.sign(call.name, call.args, {
    publicKey,
    sign: (payload) => sr25519(by.secret, payload),
    nonce,
    genesis: reader.genesis,
    birth,
    period: ERA_BLOCKS,
  })
  return { ...made, call: call.name, nonce, birth: birth.number }
}

/** A transaction that a pool has taken. */
export class Entered {
  #fate: Fate | null = null
  #block: string | null = null
  #notify: (() => void) | null = null
  #leave: () => void = () => undefined
  readonly reader: Reader
  readonly #until: 'inBlock' | 'finalized'

  private constructor(reader: Reader, until: 'inBlock' | 'finalized') {
    this.reader = reader
    this.#until = until
  }

  /** Rejects with the pool's refusal, or a connection error: then nobody knows whether the pool took it. */
  static async submit(reader: Reader, hex: string, until: 'inBlock' | 'finalized'): Promise<Entered> {
    const entered = new Entered(reader, until)
    void reader.rpc.closed.then(() => entered.#end('lost'))
    entered.#leave = await reader.rpc.subscribe('author_submitAndWatchExtrinsic', [hex], 'author_unwatchExtrinsic', (status) => entered.#status(status))
    return entered
  }

  /** Waits no longer than so; `lost` then. */
  async fate(withinMs: number): Promise<Fate> {
    if (!this.#fate) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#notify = resolve
      const timer = setTimeout(resolve, withinMs)
      await promise
      clearTimeout(timer)
    }
    this.#leave()
    return this.#fate ?? 'lost'
  }

  #end(fate: Fate): void {
    this.#fate ??= fate
    this.#notify?.()
  }

  #status(status: unknown): void {
    if (status === 'invalid' || status === 'dropped') return this.#end({ out: status })
    if (typeof status !== 'object' || status === null) return
    const { inBlock, retracted, finalized, finalityTimeout, usurped } = status as Record<string, string | undefined>
    if (inBlock && this.#until === 'inBlock') this.#end({ in: inBlock, finalized: false })
    else if (inBlock) this.#block = inBlock
    else if (retracted && retracted === this.#block) this.#block = null
    else if (finalized) this.#end({ in: finalized, finalized: true })
    else if (finalityTimeout) this.#end({ in: finalityTimeout, finalized: false })
    else if (usurped) this.#end({ out: 'usurped' })
  }
}

/** The block of the best chain that holds it, looking back from the best one to where it began; null: in none of them. @param seen blocks that, with all below them, need not be looked at again */
export async function find(reader: Reader, sent: Sent, seen: Set<string>): Promise<string | null> {
  const walked: string[] = []
  for (let hash = await reader.best(); ;) {
    const header = await reader.blockOf(hash)
    if (header.number <= sent.birth || seen.has(hash)) break
    if ((await extrinsicsOf(reader, hash)).includes(sent.hex)) return hash
    walked.push(hash)
    hash = header.parent
  }
  // Only now that nothing below them is left: who walks by here again turns back at the first of them.
  for (const hash of walked) seen.add(hash)
  return null
}

const body = struct((field) =>
  field(
    'block',
    struct((block) => block('extrinsics', list(bytes))),
  ),
)

export async function extrinsicsOf(reader: Reader, hash: string): Promise<string[]> {
  const answer = await reader.rpc.ask('chain_getBlock', [hash], orNull(body))
  if (!answer) throw new ChainError('NoSuchBlock', 'request', `${reader.endpoint} does not know the block ${hash}: try another endpoint`, true)
  return answer
}

/** Whether a block of any number can no longer be replaced. */
export async function isFinal(reader: Reader, hash: string): Promise<boolean> {
  const [{ number }, final] = await Promise.all([
    reader.blockOf(hash),
    reader.rpc.ask('chain_getFinalizedHead', [], bytes).then((head) => reader.blockOf(head)),
  ])
  return number <= final.number && (await reader.hashAt(number)) === hash
}
