import { parseArgs } from 'node:util'
import { Mistake, reason } from '../../node-agents/core/mistake.ts'
import { startChain, type StartOptions } from './start.ts'

const HELP = `node local/chain/main.ts [options]: a development chain, until told to stop. Prints one JSON line with its URL when it listens.

  --port P              TCP port on 127.0.0.1; 0 (default): any free one
  --state FILE          where finalized blocks survive; without it the chain is gone with the process. A chain
                        that goes on keeps the subnet it began with, whatever the options below say
  --block-ms N          milliseconds from block to block (default 12000), or "manual", or "instant"
  --netuid N            the subnet there is besides root (default 27)
  --tempo N             blocks from epoch to epoch (default 360)
  --max-uids N          places on the subnet (default 256)
  --commit-reveal on|off   whether weights must be committed first (default on)
  --register on|off        whether //Alice to //Ferdie are neurons from the start, uids 1 to 6 (default on); they have money anyway
`

/** Started over IPC it stops with its parent, so that no orphan keeps the port. */
const FLAGS = {
  port: { type: 'string', default: '0' },
  state: { type: 'string' },
  'block-ms': { type: 'string', default: '12000' },
  netuid: { type: 'string' },
  tempo: { type: 'string' },
  'max-uids': { type: 'string' },
  'commit-reveal': { type: 'string', default: 'on' },
  register: { type: 'string', default: 'on' },
  help: { type: 'boolean', default: false },
} as const

try {
  const values = flags()
  if (values.help) console.log(HELP)
  else await run(values)
} catch (error) {
  fail(error)
}

function flags(): Flags {
  try {
    return parseArgs({ options: FLAGS }).values
  } catch (error) {
    throw new Mistake(`${reason(error)} (--help lists the options)`, error)
  }
}

async function run(values: Flags): Promise<void> {
  const chain = await startChain(options(values))
  // Such as a full disk under --state, noticed when a block is made.
  process.once('uncaughtException', fail)
  const stop = () => void chain.close().then(() => process.exit(0), fail)
  for (const signal of ['SIGINT', 'SIGTERM', 'disconnect']) process.once(signal, stop)
  console.log(JSON.stringify({ url: chain.url }))
}

type Flags = { [name in keyof typeof FLAGS]?: string | boolean }

function options(values: Flags): StartOptions {
  const { 'block-ms': pace } = values
  return {
    port: whole('port', values.port, 0, 65_535),
    blockMs: pace === 'manual' || pace === 'instant' ? pace : whole('block-ms', pace, 10, 600_000),
    commitReveal: isOn('commit-reveal', values['commit-reveal']),
    registered: isOn('register', values.register),
    ...(values.state !== undefined && { stateFile: String(values.state) }),
    ...(values.netuid !== undefined && { netuid: whole('netuid', values.netuid, 1, 4095) }),
    ...(values.tempo !== undefined && { tempo: whole('tempo', values.tempo, 0, 50_400) }),
    ...(values['max-uids'] !== undefined && { maxUids: whole('max-uids', values['max-uids'], 1, 4096) }),
  }
}

function isOn(flag: string, value: string | boolean | undefined): boolean {
  if (value !== 'on' && value !== 'off') throw new Mistake(`--${flag} is on or off, not ${String(value)}`)
  return value === 'on'
}

function whole(flag: string, value: string | boolean | undefined, least: number, most: number): number {
  const n = /^\d+$/.test(String(value)) ? Number(value) : NaN
  if (!(n >= least && n <= most)) throw new Mistake(`--${flag} is a whole number from ${least} to ${most}, not ${String(value)}`)
  return n
}

function fail(error: unknown): never {
  console.error(error instanceof Mistake ? error.message : error)
  process.exit(error instanceof Mistake ? 2 : 1)
}
