import { Keyring } from '@polkadot/keyring'
import { hexToU8a, u8aToHex } from '@polkadot/util'
import { cryptoWaitReady, mnemonicGenerate, randomAsU8a, signatureVerify } from '@polkadot/util-crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HEADER, verifyRequest } from '../../schema/index.ts'
import { generateHotkey, hotkeyFromPhrase, hotkeyFromSeed, hotkeyPath, loadHotkey } from './hotkey.ts'
import { makeSigner } from './signer.ts'

let dir: string
const keyring = new Keyring({ type: 'sr25519', ss58Format: 42 })
beforeAll(async () => {
  await cryptoWaitReady()
  dir = await mkdtemp(join(tmpdir(), 'hotkey-'))
})
afterAll(() => rm(dir, { recursive: true }))

const PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk'
const ALICE = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

async function write(name: string, content: unknown): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
  return path
}

describe('hotkeys', () => {
  it("makes the same address as Substrate's own tools, from phrases and seeds", () => {
    expect(hotkeyFromSeed(hexToU8a('0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a')).address).toBe(ALICE)
    for (const words of [12, 24] as const) {
      const phrase = mnemonicGenerate(words)
      expect(hotkeyFromPhrase(phrase).address).toBe(keyring.addFromMnemonic(phrase).address)
    }
    const seed = randomAsU8a(32)
    expect(hotkeyFromSeed(seed).address).toBe(keyring.addFromSeed(seed).address)
  })

  it("signs so that Substrate's own tools agree, and reads what they signed", () => {
    const signer = makeSigner(hotkeyFromPhrase(PHRASE))
    const message = new TextEncoder().encode('hello')
    expect(signatureVerify(message, signer.sign(message), signer.address)).toMatchObject({ isValid: true, crypto: 'sr25519' })
    expect(signatureVerify(message, signer.sign(new Uint8Array(5)), signer.address).isValid).toBe(false)
  })

  it('signs requests the edge takes, each with a nonce of its own', () => {
    const signer = makeSigner(hotkeyFromPhrase(PHRASE))
    const request = { method: 'POST', target: '/agent/sync?x=1', body: new Uint8Array([1, 2]), receiver: ALICE }
    const now = 1_800_000_000_123.7
    const [one, two] = [signer.headers(request, now), signer.headers(request, now)]
    expect(verifyRequest({ ...request, header: (n) => one[n] ?? null }, ALICE, now)).toMatchObject({ ok: true, hotkey: signer.address })
    expect(one[HEADER.nonce]).not.toBe(two[HEADER.nonce])
  })

  it('reads the file that btcli writes', async () => {
    const { address, publicKey } = keyring.addFromMnemonic(PHRASE)
    const file = {
      accountId: u8aToHex(publicKey),
      publicKey: u8aToHex(publicKey),
      privateKey: '0x00',
      secretPhrase: PHRASE,
      secretSeed: '0x00',
      ss58Address: address,
      cryptoType: 1,
      new: {},
    }
    expect((await loadHotkey(await write('full', file))).address).toBe(address)
    expect((await loadHotkey(await write('seed', { secretSeed: `0x${'07'.repeat(32)}` }))).address).toBe(
      keyring.addFromSeed(new Uint8Array(32).fill(7)).address,
    )
  })

  it.each([
    ['word word word', /not a Bittensor key file/],
    [{ ss58Address: ALICE, publicKey: '0x00' }, /only a public key/],
    [{ privateKey: '0x00', ss58Address: ALICE }, /privateKey is not valid/],
    [{ secretPhrase: 'not really words' }, /secretPhrase is not valid/],
    [{ secretSeed: '0x12' }, /secretSeed is not valid/],
    [{ secretPhrase: PHRASE, ss58Address: ALICE }, /says it is 5Grw.*but its secret makes/],
    [{ secretPhrase: PHRASE, cryptoType: 0 }, /crypto type 0.*sr25519/],
  ])('refuses %j and says what to do', async (content, message) => {
    const path = await write('bad', content)
    const error = await loadHotkey(path).catch((e: unknown) => e)
    expect(error).toMatchObject({ name: 'Mistake', message: expect.stringMatching(message) })
    expect(error).toMatchObject({ message: expect.stringContaining(path) })
    expect(error).toMatchObject({ message: expect.not.stringContaining(PHRASE) })
  })

  it('says which file is missing and how to make one', async () => {
    await expect(loadHotkey(join(dir, 'none'))).rejects.toThrow(/no hotkey at .*none.*btcli wallet new-hotkey/)
  })

  it('makes a new file for its owner only, never over another', async () => {
    const path = hotkeyPath(dir, 'w', 'h')
    const made = await generateHotkey(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await loadHotkey(path)).address).toBe(made.address)
    const file = JSON.parse(await readFile(path, 'utf8')) as { secretPhrase: string; secretSeed: string }
    expect(keyring.addFromMnemonic(file.secretPhrase).address).toBe(made.address)
    expect(keyring.addFromSeed(hexToU8a(file.secretSeed)).address).toBe(made.address)
    await expect(generateHotkey(path)).rejects.toThrow(/EEXIST/)
  })
})
