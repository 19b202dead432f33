import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { lockFile } from '../../../node-agents/core/lock.ts'
import { Mistake, reason } from '../../../node-agents/core/mistake.ts'
import { scan } from '../state/tree.ts'
import { State } from '../state/state.ts'
import type { Block, Header } from './block.ts'
import type { Chain } from './chain.ts'
import { rootOf } from './execute.ts'
import { Journal } from './journal.ts'

const FORMAT = 1
/** Blocks appended before the file is written anew. */
const LONGEST = 1000
/** Headers that outlive the process: clients ask for the parent of a block. */
const ANCESTORS = 50

type Snapshot = { format: number; genesis: string; blocks: BlockRecord[]; state: [key: string, hex: string][] }
type BlockRecord = { hash: string; number: number; header: Header; extrinsics: string[]; nowMs: number; spec: number }
type Appended = BlockRecord & { changes: [key: string, hex: string | null][] }

/** The finalized part of a chain in a file: state and last headers, then what every later block changed. What was not final is gone with the process. */
export class Store {
  readonly #journal: Journal
  readonly #unlock: () => void
  #appended = 0

  private constructor(path: string, unlock: () => void) {
    this.#journal = new Journal(path)
    this.#unlock = unlock
  }

  /** For this process alone: two chains would replace the file under each other. Throws a Mistake when another one has it. */
  static async open(path: string): Promise<Store> {
    const unlock = await lock(path)
    if (!unlock) throw new Mistake(`another development chain uses ${path}: stop it first, or give this one its own --state`)
    return new Store(path, unlock)
  }

  /** What an earlier process left, oldest block first, the state with the last; null for a new chain. Throws a Mistake for damage. */
  load(chain: Chain): { genesisHash: string; blocks: Block[] } | null {
    const records = this.#journal.read()
    if (!records) return null
    const [start, ...appended] = records as [Snapshot, ...Appended[]]
    const last = appended.at(-1) ?? start.blocks.at(-1)
    if (start.format !== FORMAT || !last) throw new Mistake(`the state file of the development chain has format ${start.format}, not ${FORMAT}: move it away`)
    const state = new State(chain.runtime(last.spec), null)
    for (const [key, hex] of start.state) state.putHex(key, hex)
    for (const { changes } of appended) for (const [key, hex] of changes) state.putHex(key, hex)
    const blocks = [...start.blocks, ...appended].map((record) => revive(record, chain))
    for (const [i, block] of blocks.entries()) block.parent = blocks[i - 1] ?? null
    const head = blocks.at(-1)
    if (head) head.root = state.root
    return { genesisHash: start.genesis, blocks }
  }

  /** Writes what is final, and every block that becomes so. */
  follow(chain: Chain): void {
    this.#restart(chain)
    chain.listeners.add({
      head: () => undefined,
      finalized: (block) => {
        if (this.#appended >= LONGEST) return this.#restart(chain)
        const before = this.#appended
        this.#appended = LONGEST // until it is written: what a full disk cut short is followed by a new file
        this.#journal.add({ ...record(block), changes: changesOf(block) } satisfies Appended)
        this.#appended = before + 1
      },
    })
  }

  close(): void {
    this.#journal.close()
    this.#unlock()
  }

  #restart(chain: Chain): void {
    const { finalized } = chain
    const blocks: BlockRecord[] = []
    for (let at: Block | null = finalized; at && blocks.length < ANCESTORS; at = at.parent) blocks.unshift(record(at))
    const state = [...scan(rootOf(finalized), '0x')].map(([key, { hex }]): [string, string] => [key, hex])
    this.#journal.restart([{ format: FORMAT, genesis: chain.genesisHash, blocks, state } satisfies Snapshot])
    this.#appended = 0
  }
}

async function lock(path: string): Promise<(() => void) | null> {
  try {
    await mkdir(dirname(path), { recursive: true })
    return await lockFile(`${path}.lock`)
  } catch (error) {
    throw new Mistake(`the state of the development chain cannot be kept in ${path}: ${reason(error)}`, error)
  }
}

function record({ hash, number, header, extrinsics, nowMs, runtime }: Block): BlockRecord {
  return { hash, number, header, extrinsics, nowMs, spec: runtime.version.specVersion }
}

function changesOf(block: Block): Appended['changes'] {
  const state = new State(block.runtime, rootOf(block))
  return [...block.touched].map((key) => [key, state.hex(key)])
}

/** A block as it was, without its state. */
function revive({ spec, ...kept }: BlockRecord, chain: Chain): Block {
  const runtime = chain.runtime(spec)
  return { ...kept, runtime, parent: null, transactions: [], edits: [], root: undefined, touched: new Set(), answers: new Map() }
}
