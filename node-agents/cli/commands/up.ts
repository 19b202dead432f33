import { type Command, Option } from 'commander'
import type { AllocationView } from '../../../schema/index.ts'
import { answer, Failure, newIdempotencyKey } from '../client.ts'
import { defaultKey, readKey, type SshKey } from '../keys.ts'
import { apiOf, type Common, type Io, JSON_OPTION, show } from '../io.ts'
import { remember } from '../memory.ts'
import { type Asked, number, request } from '../request.ts'
import { allocationText, fetchAllocation, progressText } from './allocations.ts'

type Options = Common & Asked & { key?: string[]; wait: string; idempotencyKey?: string }

/** Between two answers a person sees progress; one answer is never waited for longer than this. */
const STEP_S = 3
const COMING = new Set(['pending', 'starting'])
const INTERRUPTED = 130

/** Commander's way to take an option several times. */
const several = (value: string, before: string[] = []) => [...before, value]

async function keysFor(io: Io, files: string[] | undefined): Promise<SshKey[]> {
  if (!files) return [await defaultKey(io.env)]
  return Promise.all(files.map(readKey))
}

/** Ctrl-C ends the command, not the rental: say what is left behind and how to end that too. */
function onInterrupt(io: Io, message: () => string): () => void {
  const stop = () => {
    io.err(message())
    process.exit(INTERRUPTED)
  }
  process.once('SIGINT', stop)
  return () => process.removeListener('SIGINT', stop)
}

async function comeUp(io: Io, first: AllocationView, waitS: number, quiet: boolean): Promise<AllocationView> {
  const deadlineMs = io.nowMs() + waitS * 1000
  let view = first
  let said = ''
  for (;;) {
    const leftS = Math.ceil((deadlineMs - io.nowMs()) / 1000)
    const line = [`${view.id}: ${view.state}`, progressText(view)].filter(Boolean).join(', ')
    if (!quiet && line !== said) io.err(line)
    said = line
    if (!COMING.has(view.state) || leftS <= 0) return view
    view = await fetchAllocation(io, view.id, Math.min(STEP_S, leftS))
  }
}

async function up(io: Io, options: Options): Promise<void> {
  const waitS = number('--wait', options.wait, 'a number of seconds')
  const keys = await keysFor(io, options.key)
  for (const { note } of keys) if (note && !options.json) io.err(note)
  const json = request(
    options,
    keys.map((k) => k.line),
  )
  const idempotencyKey = options.idempotencyKey ?? newIdempotencyKey()
  const api = await apiOf(io)

  let id: string | null = null
  const done = onInterrupt(io, () =>
    id
      ? `\n${id} stays rented. Look at it: compute show ${id}   Release it: compute down ${id}`
      : `\ninterrupted before the edge answered, so it may be rented. See: compute ls   Get the same one: add --idempotency-key ${idempotencyKey}`,
  )
  // Not waited for here: the id must be known before anything can take long.
  const { body: first } = await answer(api.v1.allocations.$post({ json, header: { prefer: 'wait=0', 'idempotency-key': idempotencyKey } }))
  id = first.id
  await remember(
    io.env,
    id,
    keys.map((k) => k.identity),
  )
  const view = await comeUp(io, first, waitS, options.json === true)
  done()
  show(
    io,
    options,
    view,
    (v) => `${allocationText(v, io.nowMs())}${v.state === 'running' ? `\n\nLog in:   compute ssh ${v.id}\nRelease:  compute down ${v.id}` : ''}`,
  )
  complain(view, waitS)
}

/** Anything but a running rental, when that was waited for, is a failure that says what to do. */
function complain({ id, state, error }: AllocationView, waitS: number): void {
  if (state === 'running' || (COMING.has(state) && waitS === 0)) return
  if (COMING.has(state))
    throw new Failure(`${id} is still ${state} after ${waitS} s. It stays rented. Look at it: compute show ${id}   Release it: compute down ${id}`)
  const why = error ? ` (${error.code}: ${error.message})` : ''
  throw new Failure(`${id} is ${state}${why}. Rent again with compute up; compute gpus shows what is free`)
}

/** `up`: rent GPUs and wait until one can log in. */
export function upCommand(program: Command, io: Io): void {
  program
    .command('up')
    .description('rent GPUs of one miner and wait until you can log in')
    .option('--gpus <n>', 'how many GPUs, or "all" for a whole host alone', '1')
    .option('--model <text>', 'part of the model name, any case, such as h200')
    .option('--min-vram <GiB>', 'memory of one GPU, at least')
    .option('--image <reference>', "image to run (default: the edge's workspace image)")
    .option('--hotkey <ss58>', 'rent from this miner only')
    .addOption(new Option('--key <file>', 'SSH public key that may log in; repeatable (default: the first of ~/.ssh/*.pub)').argParser(several))
    .option('--hours <n>', 'length of the lease', '24')
    .option('--name <text>', 'a name for you to know it by')
    .addOption(new Option('--env <NAME=value>', 'variable of its environment; repeatable').argParser(several))
    .addOption(new Option('--init <json>', 'command run once inside, as a JSON array of its arguments, read by no shell; repeatable').argParser(several))
    .option('--wait <seconds>', 'how long to wait until it runs; 0: not at all', '300')
    .option('--idempotency-key <key>', 'the same key gives the same allocation again, for 24 hours (default: a new one)')
    .option(...JSON_OPTION)
    .action((options: Options) => up(io, options))
}
