import { Keyring } from '@polkadot/keyring'
import { u8aToHex } from '@polkadot/util'
import { cryptoWaitReady, signatureVerify, sr25519PairFromSeed } from '@polkadot/util-crypto'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { type Access, loadHotkey } from '../hotkey.ts'
import { makeSigner } from '../signer.ts'
import { hidePassword, passwordVariables } from './password.ts'

/** Made by test/vectors/wallets.py: files as Bittensor's own tools write them. */
const vectors = z
  .object({
    password: z.string(),
    phrase: z.string(),
    seed: z.string(),
    environment: z.object({ path: z.string(), variable: z.string(), value: z.string() }),
    files: z.record(
      z.string(),
      z.string().transform((text) => Buffer.from(text, 'base64')),
    ),
  })
  .parse(JSON.parse(await readFile(new URL('../../../test/vectors/wallets.json', import.meta.url), 'utf8')))

let dir: string
let warnings: string[]
beforeAll(async () => {
  await cryptoWaitReady()
  dir = await mkdtemp(join(tmpdir(), 'wallet-'))
})
afterAll(() => rm(dir, { recursive: true }))
beforeEach(() => void (warnings = []))

const nobody: Access = { env: {}, ask: null, warn: (text) => warnings.push(text) }

async function write(name: string, content: string | Buffer): Promise<string> {
  const path = join(dir, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content, { mode: 0o600 })
  return path
}

const fileOf = (kind: string): Buffer => vectors.files[kind] ?? Buffer.alloc(0)
const vector = (kind: string) => write(`hotkeys/${kind}`, fileOf(kind))

/** Somebody at the terminal who answers so, and what they were asked. */
function somebody(...answers: string[]) {
  const asked: string[] = []
  const ask = (question: string) => Promise.resolve(answers[asked.push(question) - 1] ?? '')
  return { asked, access: { ...nobody, ask } satisfies Access }
}

describe("key files of Bittensor's own tools", () => {
  it.each(['phrase', 'privateKey'] as const)('by %s', async (kind) => {
    expect((await loadHotkey(await vector(kind), nobody)).address).toBe(vectors.phrase)
  })

  it('by seed', async () => {
    expect((await loadHotkey(await vector('seed'), nobody)).address).toBe(vectors.seed)
  })

  it.each(['nacl', 'vault', 'vault of the wallet package', 'fernet'])('encrypted: %s, with the password in the environment', async (kind) => {
    const path = await vector(kind)
    const [variable] = passwordVariables(path)
    const env = { [variable]: hidePassword(vectors.password, variable) }
    expect((await loadHotkey(path, { ...nobody, env })).address).toBe(vectors.phrase)
    expect(warnings).toEqual([])
  })

  it('encrypted, with the password under each name that it may have', async () => {
    const path = await write('hotkeys/a-b.c', fileOf('vault'))
    for (const variable of passwordVariables(path)) {
      const env = { [variable]: hidePassword(vectors.password, variable) }
      expect((await loadHotkey(path, { ...nobody, env })).address).toBe(vectors.phrase)
    }
  })

  it('names and hides a password as they do', () => {
    const { path, variable, value } = vectors.environment
    expect(passwordVariables(path)).toEqual([variable, variable, variable.replace('-', '_')])
    expect(hidePassword(vectors.password, variable)).toBe(value)
  })
})

describe('a private key', () => {
  const seed = new Uint8Array(32).fill(9)

  it("in polkadot.js's form is that of the same address, and signs for it", async () => {
    const { publicKey, secretKey } = sr25519PairFromSeed(seed)
    const { address } = new Keyring({ type: 'sr25519', ss58Format: 42 }).addFromSeed(seed)
    for (const by of [{ ss58Address: address }, { publicKey: u8aToHex(publicKey) }]) {
      const hotkey = await loadHotkey(await write('expanded', JSON.stringify({ privateKey: u8aToHex(secretKey), ...by })), nobody)
      expect(hotkey.address).toBe(address)
    }
  })

  it("in Bittensor's form signs so that Substrate's own tools agree", async () => {
    const signer = makeSigner(await loadHotkey(await vector('privateKey'), nobody))
    const message = new TextEncoder().encode('hello')
    expect(signatureVerify(message, signer.sign(message), vectors.phrase).isValid).toBe(true)
    expect(signatureVerify(message, signer.sign(message), vectors.seed).isValid).toBe(false)
  })

  it.each([
    ['of another address', { privateKey: `0x${'03'.repeat(64)}`, ss58Address: vectors.phrase }, /privateKey makes another/],
    ['that is no scalar', { privateKey: `0x${'ff'.repeat(64)}`, ss58Address: vectors.phrase }, /privateKey makes another/],
    ['of zeros', { privateKey: `0x${'00'.repeat(64)}`, ss58Address: vectors.phrase }, /privateKey makes another/],
    ['of half the length', { privateKey: `0x${'03'.repeat(32)}`, ss58Address: vectors.phrase }, /privateKey is not valid/],
    ['without an address to tell its form by', { privateKey: `0x${'03'.repeat(64)}` }, /only a privateKey.*regen-hotkey/],
  ])('%s is refused', async (_, content, message) => {
    await expect(loadHotkey(await write('bad', JSON.stringify(content)), nobody)).rejects.toThrow(message)
  })
})

describe('files of early tools', () => {
  const { secretPhrase, secretSeed } = JSON.parse(fileOf('phrase').toString()) as { secretPhrase: string; secretSeed: string }

  it.each([
    ['the seed alone', secretSeed],
    ['the seed without 0x, and a line end', `${secretSeed.slice(2)}\n`],
    ['the phrase alone', `${secretPhrase}\n`],
    ['a blank in the name of a field', JSON.stringify({ secretSeed, ' ss58Address': vectors.phrase })],
  ])('%s', async (_, text) => {
    expect((await loadHotkey(await write('early', text), nobody)).address).toBe(vectors.phrase)
  })

  it('are checked by that field too', async () => {
    const path = await write('early', JSON.stringify({ secretSeed, ' ss58Address': vectors.seed }))
    await expect(loadHotkey(path, nobody)).rejects.toThrow(/says it is .* but its secret makes/)
  })
})

describe('an encrypted key file', () => {
  it('is refused where nobody can be asked, naming a variable that any shell can set', async () => {
    const path = await write('hotkeys/a-b.c', fileOf('vault'))
    const error = await loadHotkey(path, nobody).catch((e: unknown) => e)
    expect(error).toMatchObject({
      name: 'Mistake',
      message: expect.stringMatching(/encrypted \(Ansible Vault\).*no terminal.*--no-use-password.*export BT_PW_[A-Z0-9_]+_HOTKEYS_A_B_C=/s),
    })
  })

  it('asks up to three times, and never shows what was typed', async () => {
    const path = await vector('vault')
    const right = somebody('wrong', 'wronger', ` ${vectors.password} `)
    expect((await loadHotkey(path, right.access)).address).toBe(vectors.phrase)
    expect(right.asked).toEqual([`Password of ${path}: `, ...Array<string>(2).fill(`That was not it. Password of ${path}: `)])
    const wrong = somebody('wrong', 'wrong', 'wrong', vectors.password)
    await expect(loadHotkey(path, wrong.access)).rejects.toThrow(/was not opened: 3 wrong passwords/)
    expect(wrong.asked).toHaveLength(3)
  })

  it('does not ask when the environment has a password, even a wrong one', async () => {
    const path = await vector('vault')
    const [variable] = passwordVariables(path)
    const { asked, access } = somebody(vectors.password)
    const load = (value: string) => loadHotkey(path, { ...access, env: { [variable]: value } })
    await expect(load(hidePassword('wrong', variable))).rejects.toThrow(new RegExp(`the password in ${variable} does not open`))
    await expect(load('not base64!')).rejects.toThrow(new RegExp(`${variable} is not base64`))
    expect(asked).toEqual([])
  })

  it.each(['nacl', 'vault', 'fernet'])('that was changed does not open: %s', async (kind) => {
    const changed = Buffer.from(fileOf(kind))
    const at = changed.length - 20
    changed[at] = changed[at] === 0x61 ? 0x62 : 0x61
    const path = await write('hotkeys/changed', changed)
    const [variable] = passwordVariables(path)
    const load = loadHotkey(path, { ...nobody, env: { [variable]: hidePassword(vectors.password, variable) } })
    await expect(load).rejects.toThrow(/does not open|damaged/)
  })

  it.each([
    ['$NACL', /damaged \(NaCl: it ends too early/],
    ['$NACLxyz', /damaged \(NaCl: it ends too early/],
    ['$ANSIBLE_VAULT;1.0;AES\n00', /damaged \(Ansible Vault: .*not version 1.1/],
    ['$ANSIBLE_VAULT;1.1;AES256\nxyz', /not hexadecimal/],
    ['$ANSIBLE_VAULT;1.1;AES256\n', /not hexadecimal/],
    [`$ANSIBLE_VAULT;1.1;AES256\n${Buffer.from('00\n00').toString('hex')}`, /three parts/],
    ['gAAAAABi', /damaged \(Fernet: its length/],
    ['gAAAAABi!', /not base64/],
    [fileOf('fernet').subarray(0, 100).toString(), /damaged \(Fernet: its length/],
  ])('that is none is called damaged: %j', async (text, message) => {
    const { asked, access } = somebody(vectors.password)
    await expect(loadHotkey(await write('hotkeys/damaged', text), access)).rejects.toThrow(message)
    expect(asked).toHaveLength(1)
  })
})

describe('a coldkey', () => {
  const wallet = (name: string) => `wallets/${name}`

  it('is refused by its name, by its place, and through a link', async () => {
    const w = wallet('one')
    await write(`${w}/coldkeypub.txt`, JSON.stringify({ ss58Address: vectors.seed }))
    const coldkey = await write(`${w}/coldkey`, fileOf('seed'))
    const renamed = await write(`${w}/other`, fileOf('seed'))
    const alone = await write('elsewhere/coldkey', fileOf('phrase'))
    await mkdir(join(dir, w, 'hotkeys'))
    const linked = join(dir, w, 'hotkeys', 'linked')
    await symlink(coldkey, linked)
    const { asked, access } = somebody()
    for (const path of [coldkey, renamed, alone, linked]) await expect(loadHotkey(path, access)).rejects.toThrow(/coldkey must never lie on the machine/)
    expect(asked).toEqual([])
  })

  it('is refused as a copy among the hotkeys, where the true hotkeys are taken', async () => {
    const w = wallet('two')
    await write(`${w}/coldkeypub.txt`, JSON.stringify({ ss58Address: vectors.seed }))
    await expect(loadHotkey(await write(`${w}/hotkeys/copy`, fileOf('seed')), nobody)).rejects.toThrow(/holds the coldkey of .*coldkeypub.txt/)
    expect((await loadHotkey(await write(`${w}/hotkeys/true`, fileOf('phrase')), nobody)).address).toBe(vectors.phrase)
  })
})

it('says of the hotkey itself that it cannot be reached', async () => {
  const file = await write('no-folder', 'x')
  await expect(loadHotkey(join(file, 'hotkeys', 'default'), nobody)).rejects.toThrow(/^no hotkey at .*default \(ENOTDIR/)
})

it('warns of a file that others may read, and takes it', async () => {
  const path = await vector('phrase')
  for (const mode of [0o640, 0o604]) {
    await chmod(path, mode)
    await loadHotkey(path, nobody)
  }
  expect(warnings).toEqual([expect.stringContaining(`chmod 600 ${path}`), expect.stringContaining('others')])
})
