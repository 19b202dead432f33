import { describe, expect, it, onTestFinished } from 'vitest'
import { type ProblemBody, type Snapshot, snapshotDigest } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import type { TestEdge } from '../support/edge.ts'
import { agree, rolesCheck, say, someone, standings, Subnet, trustingEdge } from '../support/snapshot.ts'

/** An edge that trusts one validator and follows a subnet of twenty. */
async function world() {
  const database = await databases()[0].start()
  const { edge, keys } = await trustingEdge(database.url, 1)
  onTestFinished(async () => {
    await edge.close()
    await database.close()
  })
  const subnet = new Subnet().join(...Array.from({ length: 20 }, someone))
  const first = subnet.now()
  expect(await agree(keys, first)).toMatchObject({ outcome: 'applied' })
  return { url: database.url, edge, validator: keys[0] as WireMiner, subnet, first }
}

const decide = (edge: TestEdge, what: string, s: Snapshot, by = edge.adminKey) =>
  edge.call<ProblemBody & { state: string }>(by, 'POST', `/admin/snapshots/${snapshotDigest(s)}/${what}`)

describe('a snapshot that roles follow and that is wrong', () => {
  it('of a block that never was, by a stolen key, is forgotten: what is honest counts again', async () => {
    const { url, edge, validator, subnet } = await world()
    const honest = [...subnet.neurons]
    const forged = subnet
      .leave(...honest.slice(0, 1).map((n) => n.hotkey))
      .join(someone())
      .now({ block: 1_000_000_000 })
    expect(await say(validator, forged)).toMatchObject({ outcome: 'applied' })
    subnet.neurons = honest
    expect(await say(validator, subnet.next())).toMatchObject({ outcome: 'older', applied_block: 1_000_000_000 })

    expect((await decide(edge, 'forget', forged, await edge.key('mallory'))).status).toBe(403)
    for (const _ of ['once', 'and again']) expect((await decide(edge, 'forget', forged)).body).toMatchObject({ state: 'ignored' })
    expect(await query(url, "SELECT actor, subject FROM audit WHERE action = 'snapshot_forgotten'")).toEqual([
      { actor: 'root', subject: snapshotDigest(forged) },
    ])
    expect(await standings(url)).toEqual({ active: 21 })
    expect(await rolesCheck(edge)).toMatchObject({ ok: false, detail: expect.stringContaining('roles follow no snapshot') })
    expect(await say(validator, forged)).toMatchObject({ outcome: 'older', applied_block: null })

    expect(await say(validator, subnet.next())).toMatchObject({ outcome: 'applied' })
    expect(await standings(url), 'who was smuggled in is gone once').toEqual({ active: 21 })
    expect(await say(validator, subnet.next())).toMatchObject({ outcome: 'applied' })
    expect(await standings(url)).toEqual({ active: 20, draining: 1 })
    expect(await rolesCheck(edge)).toMatchObject({ ok: true })
  })

  it('of another chain is forgotten, as health says; the first after it is held when it changes much', async () => {
    const { url, edge, validator, subnet, first: old } = await world()
    const genesis = `0x${'77'.repeat(32)}`
    subnet.leave(...subnet.neurons.slice(0, 10).map((n) => n.hotkey)).block = 25
    expect(await say(validator, subnet.now({ genesis }))).toMatchObject({ outcome: 'subnet' })
    const fix = `compute admin snapshot forget ${snapshotDigest(old).slice(0, 8)}`
    expect(await rolesCheck(edge)).toMatchObject({ ok: false, detail: expect.stringContaining(fix) })
    expect((await decide(edge, 'forget', old)).status).toBe(200)
    const held = subnet.next({ genesis })
    expect(await say(validator, held)).toMatchObject({ outcome: 'held' })
    expect(await standings(url)).toEqual({ active: 20 })
    expect((await decide(edge, 'forget', held)).body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('do not follow') })
    expect((await decide(edge, 'accept', held)).body).toMatchObject({ state: 'applied' })
    expect(await standings(url)).toEqual({ active: 10, draining: 10 })
    expect(await say(validator, subnet.next({ genesis }))).toMatchObject({ outcome: 'applied' })
  })
})
