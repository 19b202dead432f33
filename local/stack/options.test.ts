import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

const noGpus = () => false
const parse = (args: string[], env = {}) => parseOptions(args, env, noGpus)

test('without flags: two simulated miners on port 8787', () => {
  expect(parse([])).toMatchObject({ demo: false, port: 8787, driver: undefined, image: undefined, miners: 2, simulate: 'NVIDIA H200:8' })
})

test('real cards are offered by one miner only', () => {
  expect(parseOptions([], {}, () => true)).toMatchObject({ miners: 1, simulate: null })
  expect(parseOptions(['--simulate-gpu', 'NVIDIA L4:2'], {}, () => true)).toMatchObject({ miners: 2, simulate: 'NVIDIA L4:2' })
})

test('a flag wins over COMPUTE_IMAGE', () => {
  expect(parse([], { COMPUTE_IMAGE: 'a/b:1' })).toMatchObject({ image: 'a/b:1' })
  expect(parse(['--image', 'c:2'], { COMPUTE_IMAGE: 'a/b:1' })).toMatchObject({ image: 'c:2' })
  expect(parse([], { COMPUTE_IMAGE: '' })).toMatchObject({ image: undefined })
})

test.each([
  [['--port', '70000'], /--port cannot be "70000"/],
  [['--image', 'a b'], /--image cannot be "a b": an image reference/],
  [['--simulate-gpu', 'H200'], /--simulate-gpu cannot be "H200": MODEL:COUNT/],
  [['--driver', 'podman'], /'--driver <name>' argument 'podman' is invalid.*npm start -- --help/],
  [['--nope'], /unknown option '--nope'/],
  [['extra'], /too many arguments/],
])('%j is refused with the flag named', (args, message) => expect(() => parse(args)).toThrow(message))
