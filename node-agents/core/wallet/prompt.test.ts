import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { askAt } from './prompt.ts'

function terminal() {
  const [input, output] = [new PassThrough(), new PassThrough()]
  let shown = ''
  output.on('data', (bytes: Buffer) => (shown += bytes.toString()))
  return { input, ask: askAt(input, output), shown: () => shown }
}

describe('asking for a password', () => {
  it('takes a line and shows nothing of it, as often as asked', async () => {
    const { input, ask, shown } = terminal()
    for (const password of ['tést pass', 'another']) {
      const answer = ask('Password: ')
      input.write(`${password}\r`)
      expect(await answer).toBe(password)
    }
    expect(shown()).toBe('Password: \nPassword: \n')
  })

  it('takes back what was deleted', async () => {
    const { input, ask } = terminal()
    const answer = ask('?')
    input.write('right wrong\x7f\x7f\x7f\x7f\x7f\x7f\r')
    expect(await answer).toBe('right')
  })

  it.each([
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ])('ends at %s with a mistake, not a password', async (_, key) => {
    const { input, ask, shown } = terminal()
    const answer = ask('Password: ')
    input.write(key)
    await expect(answer).rejects.toMatchObject({ name: 'Mistake', message: 'no password was given' })
    expect(shown()).toBe('Password: \n')
  })
})
