import type { Duplex, Readable } from 'node:stream'
import { ShellError, type SshRun } from '../ports.ts'
import { tail } from '../tail.ts'

/** Bytes that are handed on at a time. */
const PIECE = 64 * 1024

/** As much of the library's channel as a command needs. Its `exit` and `close` are where SSH says so. */
export type CommandChannel = Duplex & { readonly stderr: Readable; close(): void }

/** `over` aborts, with a `ShellError`, when nothing more will come or be sent, but for an end that is the host's own. */
type Half = { channel: CommandChannel; over: AbortSignal }

/** A command that was started. `lost` aborts with a `ShellError` when the connection is gone. `took` is told of all output that is read. */
export function runOf(channel: CommandChannel, lost: AbortSignal, took: (bytes: number) => void): SshRun {
  const errors = tail()
  const over = new AbortController()
  const { promise: ended, resolve: end } = Promise.withResolvers<number | null>()
  let exited = false
  // The connection's own end says it all.
  for (const stream of [channel, channel.stderr]) stream.on('error', () => undefined)
  channel.stderr.on('data', (bytes: Buffer) => {
    took(bytes.length)
    errors.write(bytes)
  })
  channel.on('exit', (code: number | null) => {
    exited = true
    end(code)
  })
  const onLost = () => {
    if (!exited) over.abort(lost.reason)
    end(null)
  }
  if (lost.aborted) onLost()
  else lost.addEventListener('abort', onLost)
  channel.on('close', () => {
    lost.removeEventListener('abort', onLost)
    end(null)
  })
  const close = () => {
    if (over.signal.aborted) return
    over.abort(new ShellError('broken', 'the command was ended from this side'))
    lost.removeEventListener('abort', onLost)
    end(null)
    if (!lost.aborted) channel.close()
  }
  const half = { channel, over: over.signal }
  return { write: (text) => send(half, lost, text), output: read(half, took), errors: errors.text, ended, close }
}

async function send({ channel, over }: Half, lost: AbortSignal, text: string): Promise<void> {
  if (over.aborted) throw over.reason
  if (lost.aborted) throw lost.reason
  if (!channel.writable) throw new ShellError('broken', 'the command takes no more input')
  if (channel.write(text)) return
  await stir(channel, ['drain', 'close', 'finish'], [over, lost])
  if (over.aborted) throw over.reason
}

/** What had come before the connection was lost is still given. */
async function* read({ channel, over }: Half, took: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (;;) {
    // All at once would be copied into one piece, up to the whole window.
    const bytes: unknown = channel.read(Math.min(channel.readableLength, PIECE) || undefined)
    if (bytes instanceof Uint8Array) {
      took(bytes.length)
      yield bytes
    } else if (over.aborted) throw over.reason
    else if (channel.readableEnded) return
    else await stir(channel, ['readable', 'end', 'close'], [over])
  }
}

/** Resolves when one of these happens. Leaves no listener. */
async function stir(channel: CommandChannel, events: string[], signals: AbortSignal[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const wake = () => resolve()
  for (const event of events) channel.on(event, wake)
  for (const signal of signals) signal.addEventListener('abort', wake)
  try {
    await promise
  } finally {
    for (const event of events) channel.off(event, wake)
    for (const signal of signals) signal.removeEventListener('abort', wake)
  }
}
