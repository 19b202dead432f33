import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { ProofVerdict } from '../../schema/index.ts'
import { nonceAt, type WireMiner } from '../support/agent.ts'
import { databases, query, type Running } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'
import { proved, readyProof, type Told, validatorAt, WireValidator } from '../support/wire-validator.ts'

let edge: TestEdge
let db: Running
let validator: WireValidator
let other: WireValidator
beforeAll(async () => {
  db = await databases()[0].start()
  edge = await startTestEdge(db.url)
  validator = await validatorAt(edge)
  other = await validatorAt(edge)
})
afterAll(async () => {
  await edge?.close()
  await db?.close()
})

const sql = (statement: string) => query(db.url, statement)
const standing = async (id: string) => (await sql(`SELECT go_at, committed_at, closed_at, ended_at, verdict FROM proofs WHERE id = '${id}'`))[0]
const provedAt = async (miner: WireMiner) => (await sql(`SELECT proved_at FROM gpus WHERE hotkey = '${miner.hotkey}' ORDER BY idx`)).map((r) => r['proved_at'])

/** A proof that committed to everything. */
async function committed(gpus = 2): Promise<{ miner: WireMiner; proof: Told }> {
  const miner = await edge.miner(gpus)
  const proof = await readyProof(validator, miner)
  await validator.go(proof.id)
  await validator.committed(proof.id)
  return { miner, proof }
}

describe("another validator's proof", () => {
  it('is not there: it is neither shown nor marked nor closed', { timeout: 60_000 }, async () => {
    const proof = await readyProof(validator, await edge.miner(2))
    for (const step of [() => validator.go(proof.id), () => validator.committed(proof.id), () => validator.look(proof.id)]) {
      const before = await standing(proof.id)
      for (const told of [
        await other.look(proof.id),
        await other.go(proof.id),
        await other.committed(proof.id),
        await other.close(proof, { result: 'failed' }),
      ])
        expect(told).toMatchObject({ http: 404, code: 'not_found' })
      expect(await other.mark(proof.id, { mark: 'close', verdict: validator.verdict(proof) }), 'with the verdict of its own validator').toMatchObject({
        http: 404,
      })
      expect(await standing(proof.id)).toEqual(before)
      expect((await step()).http).toBe(200)
    }
  })

  it('nor is one that nobody has', async () => {
    const id = `al_${'0'.repeat(26)}`
    expect((await validator.look(id)).http).toBe(404)
    expect((await validator.go(id)).http).toBe(404)
    expect((await validator.look('al_x')).code).toBe('invalid_request')
  })
})

describe('a verdict', () => {
  const wrong: [string, string, (p: Told) => Partial<ProofVerdict>][] = [
    ['signed by somebody else', 'verdict.signature', (p) => ({ signature: other.verdict(p, { validator: validator.hotkey }).signature })],
    ['in the name of somebody else', 'verdict.validator', () => ({ validator: other.hotkey })],
    ['of which a word was changed', 'verdict.signature', (p) => ({ text: 'other', signature: validator.verdict(p).signature })],
    ['for another proof', 'verdict.proof', () => ({ proof: `al_${'0'.repeat(26)}` })],
    ['for another miner', 'verdict.hotkey', () => ({ hotkey: other.hotkey })],
    ['for another subnet', 'verdict.netuid', () => ({ netuid: 28 })],
    ['from long before', 'verdict.at_ms', () => ({ at_ms: Date.now() - 10 * 60_000 })],
    ['from later on', 'verdict.at_ms', () => ({ at_ms: Date.now() + 10 * 60_000 })],
    [
      'of cards that were not in it',
      'verdict.gpus',
      (p) => ({ gpus: [...p.gpus.map(({ uuid, model }) => ({ uuid, model })), { uuid: 'GPU-elsewhere', model: 'x' }] }),
    ],
    ['of a card twice', 'verdict.gpus', (p) => ({ gpus: [0, 0].map(() => ({ uuid: p.gpus[0]?.uuid ?? '', model: 'x' })) })],
    ['that is valid of nothing', 'verdict.gpus', () => ({ gpus: [] })],
    ['that is invalid of something', 'verdict.gpus', (p) => ({ result: 'invalid', gpus: [{ uuid: p.gpus[0]?.uuid ?? '', model: 'x' }] })],
    ['that calls simulated cards real', 'verdict.simulated', () => ({ simulated: false })],
    ['with a number that is none', 'verdict.measured.tops', () => ({ measured: { tops: -1, gbs: 1, vram_gb: 1 } })],
    ['of endless text', 'verdict.text', () => ({ text: 'x'.repeat(501) })],
  ]

  it('is taken only as this validator signed it of this very proof', { timeout: 60_000 }, async () => {
    const { miner, proof } = await committed()
    const before = await standing(proof.id)
    for (const [what, field, change] of wrong) {
      const told = await validator.close(proof, change(proof))
      expect({ what, http: told.http, field: told.errors?.[0]?.field }).toEqual({ what, http: 422, field })
    }
    expect(await standing(proof.id)).toEqual(before)
    expect(await provedAt(miner)).toEqual([null, null])
    expect((await validator.close(proof)).state).toBe('closed')
  })

  it('of another proof of the same miner closes nothing', { timeout: 60_000 }, async () => {
    const { miner, proof } = await committed()
    const early = validator.verdict(proof)
    await validator.mark(proof.id, { mark: 'close', verdict: early })
    await miner.obey()
    await sql(`UPDATE proofs SET opened_at = opened_at - 7200000 WHERE id = '${proof.id}'`)
    const second = await readyProof(validator, miner)
    expect((await validator.mark(second.id, { mark: 'close', verdict: early })).errors?.[0]?.field).toBe('verdict.proof')
    expect((await validator.look(second.id)).state).toBe('ready')
  })

  it('that is valid needs what was committed to; without, only that nothing was proved can be said', async () => {
    const miner = await edge.miner(1)
    const proof = await readyProof(validator, miner)
    expect(await validator.close(proof)).toMatchObject({ http: 409, code: 'conflict' })
    await validator.go(proof.id)
    expect(await validator.close(proof)).toMatchObject({ http: 409, detail: expect.stringContaining('nothing was committed') })
    expect((await validator.look(proof.id)).state, 'it is open still').toBe('ready')
    expect((await validator.close(proof, { result: 'invalid' })).state).toBe('closed')
    expect(await provedAt(miner)).toEqual([null])
  })

  it('proves the cards it names and no others', async () => {
    const { miner, proof } = await committed(3)
    const [first] = proof.gpus
    if (!first) throw new Error('no card')
    const closed = await validator.close(proof, { gpus: [{ uuid: first.uuid, model: 'lesser' }] })
    expect((await provedAt(miner)).toSorted()).toEqual([closed.closed_at_ms, null, null].toSorted())
  })

  it('that says invalid takes no earlier proof away', async () => {
    const { miner, proof } = await committed(1)
    await validator.close(proof)
    await miner.obey()
    const [at] = await provedAt(miner)
    const second = await readyProof(other, miner)
    await other.go(second.id)
    await other.committed(second.id)
    await other.close(second, { result: 'invalid' })
    expect(await provedAt(miner)).toEqual([at])
  })
})

describe('the same again', () => {
  it('changes nothing, and something else in its place is a conflict', { timeout: 60_000 }, async () => {
    const miner = await edge.miner(1)
    const proof = await readyProof(validator, miner)
    const go = await validator.go(proof.id)
    expect((await validator.go(proof.id)).go_at_ms).toBe(go.go_at_ms)
    const once = await validator.committed(proof.id)
    expect((await validator.committed(proof.id)).committed_at_ms).toBe(once.committed_at_ms)
    expect(await validator.committed(proof.id, 'cd'.repeat(32))).toMatchObject({ http: 409, code: 'conflict' })
    const verdict = validator.verdict(proof)
    const closed = await validator.mark(proof.id, { mark: 'close', verdict })
    const before = [await standing(proof.id), await provedAt(miner)]
    expect(await validator.mark(proof.id, { mark: 'close', verdict })).toMatchObject({ http: 200, closed_at_ms: closed.closed_at_ms })
    expect(await validator.close(proof, { result: 'failed' })).toMatchObject({ http: 409, detail: 'another verdict closed it' })
    expect((await validator.go(proof.id)).http, 'go was said, and still was').toBe(200)
    await miner.obey()
    expect([await standing(proof.id), await provedAt(miner)]).toEqual(before)
  })

  it('of the very same request is refused', async () => {
    const { proof } = await committed()
    const nonce = nonceAt(Date.now())
    const body = { mark: 'close', verdict: validator.verdict(proof, { result: 'failed' }) }
    const path = `/validator/proofs/${proof.id}`
    expect((await validator.send('PATCH', path, body, { nonce })).status).toBe(200)
    expect(await (await validator.send('PATCH', path, body, { nonce })).json()).toMatchObject({ code: 'replayed' })
    const opened = { hotkey: (await edge.miner(1)).hotkey, ssh_key: WireValidator.newKey() }
    const changed = JSON.stringify({ ...opened, ssh_key: WireValidator.newKey() })
    expect(await (await validator.send('POST', '/validator/proofs', opened, { body: changed })).json()).toMatchObject({ code: 'bad_signature' })
    expect(await (await validator.send('GET', `${path}?wait=5`, undefined, { signedTarget: path })).json()).toMatchObject({ code: 'bad_signature' })
  })
})

it('outside development a simulated verdict proves nothing', { timeout: 60_000 }, async () => {
  const own = await databases()[0].start()
  const real = await startTestEdge(own.url, { vars: { ENVIRONMENT: 'production' } })
  onTestFinished(async () => {
    await real.close()
    await own.close()
  })
  const by = new WireValidator(real)
  const miner = new WireValidator(real)
  miner.facts = { ...miner.facts, simulated: false }
  for (const [hotkey, role] of [
    [by.hotkey, 'validator'],
    [miner.hotkey, 'miner'],
  ])
    await query(own.url, `INSERT INTO agents (hotkey, role, source, changed_at) VALUES ('${hotkey}', '${role}', 'allow', 1)`)
  expect((await miner.register()).status).toBe(200)
  await miner.sync()
  const at = async () => (await query(own.url, 'SELECT max(proved_at) AS at FROM gpus'))[0]?.['at']
  expect(await proved(by, miner)).toMatchObject({ http: 200, state: 'closed' })
  expect(await at()).toBeNull()
  await query(own.url, 'UPDATE proofs SET opened_at = opened_at - 7200000')
  const closed = await proved(by, miner, { simulated: false })
  expect(await at()).toBe(closed.closed_at_ms)
})
