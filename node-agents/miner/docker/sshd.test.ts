import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sshdConfig } from './sshd.ts'

/** OpenSSH's word splitter (argv_split in misc.c), as sshd uses it on its configuration. */
function splitWords(line: string): string[] {
  const words: string[] = []
  let i = 0
  while (i < line.length) {
    if (line[i] === ' ' || line[i] === '\t') {
      i++
      continue
    }
    if (line[i] === '#') break
    let word = ''
    let quote = ''
    for (; i < line.length; i++) {
      const c = line[i] ?? ''
      const next = line[i + 1] ?? ''
      if (c === '\\' && (["'", '"', '\\'].includes(next) || (quote === '' && next === ' '))) word += line[++i]
      else if (quote === '' && (c === ' ' || c === '\t')) break
      else if (quote === '' && (c === '"' || c === "'")) quote = c
      else if (quote !== '' && c === quote) quote = ''
      else word += c
    }
    if (quote !== '') throw new Error('unbalanced quotes')
    words.push(word)
  }
  return words
}

const NAME = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,12}$/)
const VALUE = fc.string({ unit: 'binary', maxLength: 80 }).filter((s) => !/[\u0000-\u001f\u007f]/.test(s))

const directives = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[0])
const variables = (text: string) => splitWords(text.slice(text.indexOf('\nSetEnv ') + '\nSetEnv '.length).trimEnd())

describe('sshdConfig', () => {
  test('variables arrive as they are and are nothing but variables, whatever they hold', () => {
    const plain = directives(sshdConfig([], {}))
    fc.assert(
      fc.property(fc.dictionary(NAME, VALUE, { maxKeys: 20 }), (env) => {
        const text = sshdConfig([], env)
        expect(directives(text)).toEqual(plain)
        expect(variables(text)).toEqual(expect.arrayContaining(Object.entries(env).map(([name, value]) => `${name}=${value}`)))
      }),
    )
  })

  test('only keys, only our host key, one SetEnv line (sshd reads no second)', () => {
    const text = sshdConfig(['PATH=/opt/conda/bin:/bin'], { A: 'b' })
    for (const line of [
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'HostKey /etc/compute/host_key',
      'UsePAM no',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(directives(text).filter((word) => word === 'SetEnv')).toHaveLength(1)
  })

  test.each<[string, string[], Record<string, string>, string[], string[]]>([
    ['a sane PATH without one in the image', [], {}, ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], []],
    ["the image's PATH, also for login shells", ['PATH=/opt/conda/bin:/bin'], {}, ['PATH=/opt/conda/bin:/bin', 'COMPUTE_PATH=/opt/conda/bin:/bin'], []],
    ["the client's word over the image's", ['A=image', 'B=image'], { A: 'client' }, ['A=client', 'B=image'], ['A=image']],
    ['no say of the image about GPUs', ['NVIDIA_VISIBLE_DEVICES=all', 'CUDA_VERSION=12'], {}, ['CUDA_VERSION=12'], ['NVIDIA_VISIBLE_DEVICES=all']],
    ['nothing of the image that cannot stand in a line', ['A=x\ny', 'B B=1', 'C=1=2'], {}, ['C=1=2'], ['A=x\ny', 'B B=1']],
  ])('%s', (_, image, client, has, hasNot) => {
    const seen = variables(sshdConfig(image, client))
    expect(seen).toEqual(expect.arrayContaining(has))
    for (const word of hasNot) expect(seen).not.toContain(word)
  })

  test('refuses more than sshd could hand to a session', () => {
    const env = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`V${i}`, '"'.repeat(4096)]))
    expect(() => sshdConfig([], env)).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })
})
