/**
 * What a terminal driver would do between a client's raw terminal and a shell on pipes: a real one needs native code.
 * Pure: bytes in, what to show and what to do out.
 */
export type Keys = { echo: string; send: string; interrupt: boolean; end: boolean }

const ESCAPES = /\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])/g
const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const CTRL_U = '\u0015'
const ERASE = '\b \b'

/** Line editing of one session: echo, erase, kill line, interrupt, end of file. */
export function lineEditor(): (typed: string) => Keys {
  let line: string[] = []
  const key = (char: string, out: Keys) => {
    if (char === '\r' || char === '\n') {
      out.send += `${line.join('')}\n`
      out.echo += '\r\n'
      line = []
    } else if (char === '\u007f' || char === '\b') {
      if (line.pop() !== undefined) out.echo += ERASE
    } else if (char === CTRL_U) {
      out.echo += ERASE.repeat(line.length)
      line = []
    } else if (char === CTRL_C) {
      out.interrupt = true
      out.echo += '^C\r\n'
      line = []
    } else if (char === CTRL_D) {
      if (line.length === 0) out.end = true
    } else if (char >= ' ' || char === '\t') {
      line.push(char)
      out.echo += char
    }
  }
  return (typed) => {
    const out: Keys = { echo: '', send: '', interrupt: false, end: false }
    for (const char of typed.replace(ESCAPES, '')) key(char, out)
    return out
  }
}

/** A terminal in raw mode needs the carriage return that programs leave out. */
export const withReturns = (text: string) => text.replace(/\r?\n/g, '\r\n')
