import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { ReadStream } from 'node:tty'
import { Mistake } from '../mistake.ts'

/** Asks for a line without showing what is typed. Rejects with a Mistake when it is given up (Ctrl-C, Ctrl-D). */
export type Ask = (question: string) => Promise<string>

export function askAt(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Ask {
  return (question) =>
    new Promise((done, fail) => {
      const nowhere = new Writable({ write: (_chunk, _encoding, next) => next() })
      const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
      output.write(question)
      lines.once('line', (line) => {
        done(line)
        lines.close()
      })
      lines.once('SIGINT', () => lines.close())
      lines.once('close', () => {
        output.write('\n')
        fail(new Mistake('no password was given')) // changes nothing after a line
      })
    })
}

/** At the terminal that this process was started from; null: there is none, as under a service manager. */
export function askHere(stdin: ReadStream = process.stdin): Ask | null {
  return stdin.isTTY ? askAt(stdin, process.stderr) : null
}
