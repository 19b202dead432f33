import { expect, it } from 'vitest'
import { onEveryDatabase } from '../support/database.ts'

onEveryDatabase('what the schema keeps of proofs', (client) => {
  const run = async (sql: string) => (await client().execute(sql)).rows.map((r) => ({ ...r }))
  const allocation = (id: string, purpose: 'rent' | 'proof', ready = 5) =>
    run(`INSERT INTO allocations (id, purpose, holder, trace_id, created_at, desired, generation, incarnation, ssh_keys, expires_at, spec, limits, hotkey, exclusive, gpu_want, gpu_got, tried, ready_by, ready_at)
      VALUES ('${id}', '${purpose}', 'h', 't', 1, 'run', 1, 1, '[]', 1, '{}', '{}', 'miner of ${id}', 0, 1, 1, '[]', 1, ${ready || 'NULL'})`)
  const proof = (id: string, hotkey = `miner of ${id}`) =>
    run(`INSERT INTO proofs (id, validator, hotkey, opened_at, ends_at, firm) VALUES ('${id}', 'v', '${hotkey}', 1, 9, 0)`)
  const event = (id: string) => `INSERT INTO events (at, holder, allocation_id, kind, data, trace_id) VALUES (1, 'h', '${id}', 'ready', '{}', 't')`

  it('no event is ever told of one, and ids go on without a gap', async () => {
    await allocation('rent', 'rent')
    await allocation('proof', 'proof')
    await client().batch([event('rent'), event('proof'), event('rent')], 'write')
    await run(
      `INSERT INTO events (at, holder, allocation_id, kind, data, trace_id) SELECT 1, holder, id, 'phase', '{}', 't' FROM allocations WHERE id IN ('rent', 'proof')`,
    )
    expect(await run('SELECT id, allocation_id FROM events ORDER BY id')).toEqual([1, 2, 3].map((id) => ({ id, allocation_id: 'rent' })))
  })

  it('one is over when its wish says stop, whoever writes that, and a miner has one at a time', async () => {
    await allocation('al_1', 'proof')
    await allocation('al_2', 'rent')
    await proof('al_1', 'm')
    await expect(proof('al_3', 'm')).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT', message: expect.stringContaining('proofs.hotkey') })
    const ended = async () => (await run(`SELECT ended_at FROM proofs WHERE id = 'al_1'`))[0]?.['ended_at']
    await run(`UPDATE allocations SET desired = 'stop', stop_at = 6 WHERE id = 'al_2'`)
    await run(`UPDATE allocations SET desired = 'run', phase = 'running' WHERE id = 'al_1'`)
    expect(await ended()).toBeNull()
    await run(`UPDATE allocations SET desired = 'stop', stop_at = 7 WHERE id = 'al_1'`)
    await run(`UPDATE allocations SET desired = 'stop', stop_at = 8 WHERE id = 'al_1'`)
    expect(await ended()).toBe(7)
    await proof('al_3', 'm')
  })

  it('a card knows when a rent that was served was over, until a proof had it', async () => {
    await run(`INSERT INTO gpus (hotkey, uuid, idx, model, model_key, vram_mb, simulated, first_seen_at, seen_at) VALUES ('m', 'g', 0, 'x', 'x', 1, 0, 1, 1)`)
    let at = 100
    const had = async (id: string, purpose: 'rent' | 'proof', ready = 5, incarnation = 1) => {
      await allocation(id, purpose, ready)
      await run(`INSERT INTO claims VALUES ('${id}', ${incarnation}, 'm', 'g', 1, NULL)`)
      await run(`UPDATE claims SET freed_at = ${++at} WHERE allocation_id = '${id}'`)
      return (await run('SELECT released_at FROM gpus'))[0]?.['released_at']
    }
    expect(await had('never', 'rent', 0)).toBeNull()
    expect(await had('skipped', 'rent', 5, 2)).toBeNull()
    expect(await had('served', 'rent')).toBe(103)
    expect(await had('failed', 'rent', 0)).toBe(103)
    expect(await had('again', 'rent')).toBe(105)
    expect(await had('its proof', 'proof', 0)).toBeNull()
  })
})
