import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { imageReference } from './image.ts'

const takes = (text: string) => imageReference.safeParse(text).success
const DIGEST = `sha256:${'0a'.repeat(32)}`

it.each([
  'ubuntu',
  'ubuntu:24.04',
  'pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime',
  'ghcr.io/owner/image:v1',
  'localhost:5000/image',
  'registry.example.com:443/a/b/c_d/e__f/g--h.i:Tag_1.2-3',
  `ubuntu@${DIGEST}`,
  `ghcr.io/owner/image:v1@${DIGEST}`,
  'UPPER.example.com/image',
])('takes %s', (reference) => expect(takes(reference)).toBe(true))

it.each([
  ['nothing', ''],
  ['a space', 'ubuntu latest'],
  ['a line break', 'ubuntu\n'],
  ['a second line', 'ubuntu\nRUN true'],
  ['a shell', 'ubuntu;true'],
  ['a substitution', 'ubuntu:$(true)'],
  ['a variable', '$IMAGE'],
  ['quotes', "'ubuntu'"],
  ['an option', '--privileged'],
  ['a leading dash in the tag', 'ubuntu:-v'],
  ['a path upwards', '../ubuntu'],
  ['an absolute path', '/ubuntu'],
  ['a scheme', 'https://ghcr.io/owner/image'],
  ['capitals in the path', 'owner/Image'],
  ['a short digest', 'ubuntu@sha256:0a'],
  ['another digest', `ubuntu@md5:${'0a'.repeat(32)}`],
  ['an empty tag', 'ubuntu:'],
  ['three underscores', 'a___b'],
  ['a separator at the end', 'ubuntu.'],
  ['unicode', 'ubuntü'],
  ['more than 255 characters', `a/${'b'.repeat(254)}`],
])('refuses %s', (_, reference) => expect(takes(reference)).toBe(false))

it('lets nothing through that a shell, a Dockerfile or a URL could read as more than a name', () => {
  const grain = fc.constantFrom(...'aZ0./:@-_ \t\n\r\'"`$;|&<>(){}[]*?!#%^~=+,\\', 'sha256:', DIGEST)
  fc.assert(
    fc.property(fc.array(grain, { maxLength: 24 }), (grains) => {
      const text = grains.join('')
      if (takes(text)) expect(text).toMatch(/^[a-zA-Z0-9][\w./:@-]*$/)
    }),
    { numRuns: 20_000 },
  )
})

it('answers long hostile texts at once', () => {
  const began = performance.now()
  for (const piece of ['a', 'a.', 'a-', 'a_', 'a__', 'a/', 'A', 'a:1', '-']) expect(takes(`${piece.repeat(20_000)}!`)).toBe(false)
  expect(performance.now() - began).toBeLessThan(2_000)
})
