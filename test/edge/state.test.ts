import { describe, expect, it } from 'vitest'
import { validatorState } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { readyProof, WireValidator } from '../support/wire-validator.ts'
import { publish, type PublishingWorld, publishingWorld, row, scoresOf, stateOf } from '../support/publication.ts'
import { someone } from '../support/snapshot.ts'

const HOUR_MS = 3600_000

async function world() {
  const made = await publishingWorld([1])
  const [validator] = made.validators as [WireMiner]
  const miner = await made.edge.miner(2)
  const mine = async () => (await stateOf(validator)).miners.find((m) => m.hotkey === miner.hotkey)
  const rented = async () => (await mine())?.gpus.map((g) => g.rented_ms) ?? []
  return { ...made, validator, miner, mine, rented, ago: (ms: number) => backdate(made, ms) }
}

/** As if every claim that is live, and what came of it, had begun so much earlier. */
async function backdate({ url }: PublishingWorld, ms: number) {
  await query(url, `UPDATE claims SET claimed_at = claimed_at - ${ms} WHERE freed_at IS NULL`)
}

describe('GET /validator/state', () => {
  it('tells every miner with its cards, and whether it may be rented', async () => {
    const { edge, validator, miner, mine, url } = await world()
    const state = await stateOf(validator)
    expect(validatorState.parse(state)).toEqual(state)
    expect(state).toMatchObject({ netuid: 27, development: true, scores: [], penalties: [] })
    expect(await mine()).toMatchObject({
      version: 'test',
      online: 'online',
      available: true,
      proof_due: false,
      address: '127.0.0.1',
      simulated: true,
      reported_at_ms: expect.any(Number),
      gpus: [
        { model: 'NVIDIA H200', vram_mb: 143_771, simulated: true, rented: false, rented_ms: 0 },
        { rented: false, rented_ms: 0 },
      ],
    })
    await miner.sync([], { engine: { ok: false, message: 'down' } })
    expect(await mine()).toMatchObject({ available: false })
    await query(url, `UPDATE gpus SET gone_at = 1 WHERE hotkey = '${miner.hotkey}' AND idx = 1`)
    expect((await mine())?.gpus).toHaveLength(1)
    await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${miner.hotkey}`)
    expect(await mine(), 'it drains').toMatchObject({ available: false })
  })

  it('stays readable whatever miners show and validators say', { timeout: 60_000 }, async () => {
    const made = await publishingWorld([1, 5, 3, 4, 2, 6])
    const [asker, ...others] = made.validators as [WireMiner, ...WireMiner[]]
    const { hotkey } = await made.edge.miner(8)
    const cards = (many: string, from: number, to: number, model: string) =>
      query(
        made.url,
        `INSERT INTO gpus (hotkey, uuid, idx, model, model_key, vram_mb, simulated, missing, first_seen_at, seen_at)
         WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT h.hotkey, 'more-' || i, 0, ${model}, 'x', 1, 1, 1, 1, 1 FROM n, (${many}) h`,
      )
    await cards(`SELECT '${hotkey}' AS hotkey`, 1, 100, "'x'")
    const own = async () => (await stateOf(asker)).miners.find((m) => m.hotkey === hotkey)?.gpus ?? []
    expect(await own()).toHaveLength(64)
    expect((await own()).slice(0, 8).map((g) => g.model)).toEqual(Array.from({ length: 8 }, () => 'NVIDIA H200'))
    await query(made.url, "DELETE FROM gpus WHERE uuid LIKE 'more-%'")

    // Hundreds of miners that show as much as they can, and validators that say as much as they can.
    const loud = `SELECT value FROM json_each('${JSON.stringify(Array.from({ length: 500 }, someone))}')`
    await query(made.url, `INSERT INTO agents (hotkey, role, source, changed_at) SELECT value, 'miner', 'allow', 1 FROM (${loud})`)
    const copied = 'install, protocol, version, driver, isolation, simulated, address, cpus, memory_mb, disk_free_mb, registered_at'
    await query(
      made.url,
      `INSERT INTO miners (hotkey, ${copied}) SELECT a.hotkey, ${copied} FROM agents a, miners m WHERE a.hotkey IN (${loud}) AND m.hotkey = '${hotkey}'`,
    )
    await cards(`SELECT value AS hotkey FROM (${loud})`, 1, 64, `printf('%.64c', char(1))`)
    const rows = Array.from({ length: 4096 }, () => row(someone(), 50, { gpus: { model: 'x'.repeat(64), count: 64 } }))
    for (const v of others) expect(await publish(v, scoresOf(v, rows))).toMatchObject({ outcome: 'kept' })
    const state = await stateOf(asker)
    expect(validatorState.safeParse(state).success).toBe(true)
    expect(JSON.stringify(state).length).toBeLessThan(9 * 1024 * 1024)
    expect(state.miners.find((m) => m.hotkey === hotkey)?.gpus, 'who shows little is not crowded out').toHaveLength(8)
    expect(state.miners.length).toBeGreaterThan(50)
    const stakes = state.scores.map((s) => [1, 5, 3, 4, 2, 6][made.validators.findIndex((v) => v.hotkey === s.validator)])
    expect(stakes.length).toBeGreaterThan(1)
    expect(stakes, 'those of most stake, not all').toEqual([6, 5, 4, 3])
  })

  it('counts the time under rents, running ones and those that are over, and only what was served', { timeout: 60_000 }, async () => {
    const { edge, key, miner, mine, rented, ago } = await world()
    const { id } = (await edge.allocate(key)).body
    await ago(HOUR_MS)
    expect(await rented(), 'claimed, and never ready yet').toEqual([0, 0])
    await miner.obey()
    expect((await mine())?.gpus.map((g) => g.rented)).toEqual([true, false])
    const running = (await rented())[0] ?? 0
    expect(running).toBeGreaterThan(HOUR_MS - 3 * 60_000)
    expect(running).toBeLessThanOrEqual(HOUR_MS)
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    expect(
      (await mine())?.gpus.map((g) => g.rented),
      'the wish says stop',
    ).toEqual([false, false])
    await miner.obey()
    const over = (await rented())[0] ?? 0
    expect(over).toBeGreaterThanOrEqual(running)
    expect(over).toBeGreaterThanOrEqual(HOUR_MS)
    await edge.allocate(key)
    await ago(2 * HOUR_MS)
    await miner.obey()
    const again = await rented()
    expect(again[0]).toBeGreaterThanOrEqual(over + 2 * HOUR_MS - 3 * 60_000)
    expect(again[1]).toBe(0)
  })

  it('counts nothing for a rent that was never served, a proof, or a stop that the miner keeps quiet about', { timeout: 60_000 }, async () => {
    const { edge, url, key, validator, miner, rented, ago } = await world()
    // Never ready: the container failed, the client gave up.
    const failed = (await edge.allocate(key)).body.id
    await ago(HOUR_MS)
    await miner.sync((await miner.sync()).map((e) => miner.fact(e, 'failed', { error: { code: 'engine_error', message: 'no' } })))
    await edge.call(key, 'DELETE', `/v1/allocations/${failed}`, undefined, { prefer: 'wait=0' })
    await miner.obey()
    expect(await rented()).toEqual([0, 0])
    // The client gave up, and only then the miner says that it runs.
    const late = (await edge.allocate(key)).body.id
    const [wished] = await miner.sync()
    if (!wished) throw new Error('no wish')
    await ago(HOUR_MS)
    await edge.call(key, 'DELETE', `/v1/allocations/${late}`, undefined, { prefer: 'wait=0' })
    await miner.sync([miner.fact(wished, 'running')])
    await miner.obey()
    expect(await query(url, `SELECT count(*) AS n FROM claims WHERE freed_at IS NULL`)).toEqual([{ n: 0 }])
    expect(await rented()).toEqual([0, 0])
    // A proof.
    const prover = Object.assign(new WireValidator(edge), { secret: validator.secret, hotkey: validator.hotkey })
    const proof = await readyProof(prover, miner)
    await ago(HOUR_MS)
    expect(await rented()).toEqual([0, 0])
    await prover.close(proof, { result: 'failed' })
    await miner.obey()
    expect(await rented()).toEqual([0, 0])
    // Stopped three hours ago after one; the miner says only now that it is gone.
    const quiet = (await edge.allocate(key)).body.id
    await miner.obey()
    await edge.call(key, 'DELETE', `/v1/allocations/${quiet}`, undefined, { prefer: 'wait=0' })
    await ago(4 * HOUR_MS)
    await query(url, `UPDATE allocations SET stop_at = stop_at - ${3 * HOUR_MS} WHERE id = '${quiet}'`)
    const before = (await rented())[0] ?? 0
    await miner.obey()
    const after = (await rented())[0] ?? 0
    for (const ms of [before, after]) expect(Math.abs(ms - HOUR_MS)).toBeLessThan(60_000)
    expect(after).toBeGreaterThanOrEqual(before)
  })

  it('counts nothing for a placement that went on to another miner', { timeout: 60_000 }, async () => {
    const { edge, url, key, validator } = await world()
    await edge.miner(2)
    const { id, hotkey: first } = (await edge.allocate(key)).body
    await query(url, `UPDATE claims SET claimed_at = claimed_at - ${HOUR_MS}`)
    await query(url, `UPDATE allocations SET deadline_at = ${Date.now() - 1} WHERE id = '${id}'`)
    await edge.running.tick()
    const [now] = await query(url, `SELECT hotkey, incarnation FROM allocations WHERE id = '${id}'`)
    expect(now).toMatchObject({ incarnation: 2 })
    expect(now?.['hotkey']).not.toBe(first)
    await query(url, `UPDATE allocations SET ready_at = ${Date.now()} WHERE id = '${id}'`)
    await query(url, `UPDATE tombstones SET gone_at = ${Date.now()} WHERE allocation_id = '${id}'`)
    expect(await query(url, `SELECT count(*) AS n FROM claims WHERE hotkey = '${first}' AND freed_at IS NULL`)).toEqual([{ n: 0 }])
    const cards = (await stateOf(validator)).miners.flatMap((m) => (m.hotkey === first ? m.gpus : []))
    expect(cards.map((g) => [g.rented, g.rented_ms])).toEqual([
      [false, 0],
      [false, 0],
    ])
  })
})
