import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { promisify } from 'node:util'
import type { Pipe } from '../../node-agents/core/proof/session/types.ts'
import type { Deed, Flood, Prover, Said } from './fake-prover.ts'

/** Does what a prover does, to whoever is at the other end. @param tear breaks the connection itself */
export async function play(prover: Prover, input: Readable, output: Writable, tear: () => void): Promise<void> {
  output.on('error', () => undefined) // nobody listens any more: the flood stops by itself
  const act = async (deeds: Deed[]) => {
    for (const deed of deeds) await perform(deed, output, tear)
  }
  await act(prover.greeting())
  for await (const line of createInterface({ input })) await act(prover.answer(line))
}

async function perform(deed: Deed, output: Writable, tear: () => void): Promise<void> {
  if (deed === 'tear') return tear()
  if (deed === 'end') return void output.end()
  if (deed instanceof Uint8Array) return put(output, deed)
  if (!isFlood(deed)) return put(output, Buffer.from(`${JSON.stringify(deed)}\n`))
  while (output.writable) await put(output, deed.forever)
}

const isFlood = (deed: Said | Flood): deed is Flood => 'forever' in deed

async function put(output: Writable, bytes: Uint8Array): Promise<void> {
  if (!output.writable || output.write(bytes)) return
  const heard = new AbortController()
  const { signal } = heard
  await Promise.race([once(output, 'drain', { signal }), once(output, 'close', { signal })])
  heard.abort()
}

/** A prover in this process, at the other end of a pipe. */
export function pipeTo(prover: Prover): Pipe {
  const [input, output] = [new PassThrough(), new PassThrough()]
  output.on('error', () => undefined)
  void play(prover, input, output, () => output.destroy(new Error('torn')))
  return {
    write: async (text) => void input.write(text),
    output,
    errors: () => '',
    close: () => {
      output.destroy()
      input.destroy()
    },
  }
}

/** A process of this machine, as a pipe. Whoever started it ends it. */
export function pipeOf(child: ChildProcessByStdio<Writable, Readable, Readable>): Pipe {
  let err = ''
  child.stderr.on('data', (bytes: Buffer) => (err = (err + bytes.toString()).slice(-2048)))
  child.stdin.on('error', () => undefined) // its end is seen where it is read
  return {
    write: (text) => promisify<string, void>((line, done) => child.stdin.write(line, (error) => done(error ?? null)))(text),
    output: child.stdout,
    errors: () => err,
    close: () => child.stdin.end(),
  }
}
