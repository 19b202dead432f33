import { createClient } from '@libsql/client/web'
import { describe, expect, it } from 'vitest'
import type { AllocationView } from '../../schema/index.ts'
import { HOST_KEY, WireMiner } from '../support/agent.ts'
import { databases } from '../support/database.ts'
import { validatorAt } from '../support/wire-validator.ts'
import { penalize, penaltiesOf, penalty, publish, row, scoresOf, stateOf } from '../support/publication.ts'
import { agree, someone, Subnet, trustingEdge } from '../support/snapshot.ts'
import { Tap } from '../support/tap.ts'

/** What may be read from end to end: what is as long as the request itself, or as what is open right now, and never as what ever was. */
const BOUNDED = [
  /^SCAN \w+ VIRTUAL TABLE/, // json_each
  /^SCAN CONSTANT ROW$/,
  /^SCAN (settings|sqlite_sequence|n)$/, // a handful of rows; n is the sequence of events
  /USING (COVERING )?INDEX allocations_(away|ending|wish|deadline|warn)\b/, // partial: open ones only
  /^SCAN g USING INDEX gpus_free$/, // partial: what is free right now, when a sample of it had nothing that fits
  /^SCAN miners USING COVERING INDEX/, // counted, for the brake
  /^SCAN (s|snapshots)( USING INDEX snapshots_\w+)?$/, // 32 that were agreed on, 32 that were not, and two
  /^SCAN snapshot_posts$/, // 50 of each validator
  /^SCAN agents USING (COVERING )?INDEX agents_present$/, // who is on the subnet
  /^SCAN (publications|word)( USING (COVERING )?INDEX \w+)?$/, // the latest two of each validator
  /^SCAN \(subquery-\d+\)$/, // what the statement made itself
  /^SCAN f$/, // from the oldest event to the first that is kept
]

type Pipeline = { requests: { type: string; sql?: string; stmt?: { sql?: string | null }; batch?: { steps: { stmt: { sql?: string | null } }[] } }[] }

/** Every statement of a request to the database. */
function statementsOf(body: string): string[] {
  if (!body.startsWith('{')) return []
  const { requests = [] } = JSON.parse(body) as Partial<Pipeline>
  return requests.flatMap((r) => [r.sql, r.stmt?.sql, ...(r.batch?.steps.map((s) => s.stmt.sql) ?? [])]).filter((s): s is string => typeof s === 'string')
}

describe.each(databases())('on $name', ({ available, start }) => {
  it.skipIf(!available)('neither a tick nor an act, a report, a takeover or an admin reads all that ever was', { timeout: 120_000 }, async () => {
    const database = await start()
    const seen = new Set<string>()
    const tap = await new Tap(() => ({ port: Number(new URL(database.url).port) })).listen()
    tap.onRequest = ({ body }) => statementsOf(body).forEach((s) => seen.add(s))
    const { edge, keys } = await trustingEdge(tap.url, 1)
    try {
      const key = await edge.key('alice')
      const miner = await edge.miner(2)
      const { id } = (await edge.allocate(key)).body
      const act = (what: string, body?: object) => edge.call<AllocationView>(key, 'POST', `/v1/allocations/${id}/${what}`, body, { prefer: 'wait=0' })
      await miner.obey()
      await act('extend', { lease_hours: 48 })
      for (const what of ['pause', 'resume', 'restart']) {
        expect((await act(what)).status).toBe(202)
        await miner.obey()
      }
      expect((await act('rekey', { ssh_keys: [HOST_KEY.replace('AAAAIP', 'AAAAIA')] })).status).toBe(202)
      await miner.obey()
      await miner.sync([], { unexplained: [{ id, incarnation: 9 }] })
      await edge.running.tick()
      for (const path of ['/v1/events?after=0', `/v1/events?after=0&allocation=${id}`, `/v1/allocations/${id}/events`, '/v1/allocations', '/health'])
        await edge.call(key, 'GET', path)
      const second = new WireMiner(edge)
      Object.assign(second, { secret: miner.secret, hotkey: miner.hotkey, facts: miner.facts })
      expect((await second.send('POST', '/agent/takeover', { install: second.install, from: miner.install })).status).toBe(200)
      await edge.call(edge.adminKey, 'POST', '/admin/restore-epoch')
      await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })

      const subnet = new Subnet().join(...Array.from({ length: 10 }, someone))
      for (const said of [subnet.now(), subnet.leave(...subnet.neurons.slice(0, 8).map((n) => n.hotkey)).next()]) await agree(keys, said)
      const listed = await edge.call<{ items: { digest: string; state: string }[] }>(edge.adminKey, 'GET', '/admin/snapshots')
      expect(listed.body.items.map((i) => i.state)).toEqual(['held', 'applied'])
      for (const what of ['accept', 'ignore']) await edge.call(edge.adminKey, 'POST', `/admin/snapshots/${listed.body.items[0]?.digest}/${what}`)
      for (const path of ['/v1/network', '/health']) await edge.call(key, 'GET', path)

      const validator = new WireMiner(edge)
      await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: validator.hotkey, role: 'validator' })
      expect((await publish(validator, scoresOf(validator, [row(miner.hotkey, 5)]))).outcome).toBe('kept')
      expect((await penalize(validator, penaltiesOf(validator, [penalty(miner.hotkey)]))).outcome).toBe('kept')
      expect((await stateOf(validator)).miners).toHaveLength(1)
      expect((await edge.call(key, 'GET', `/v1/miners/${miner.hotkey}`)).status).toBe(200)

      const prover = await validatorAt(edge)
      const host = await edge.miner(2, 'Proved')
      const proof = await prover.open(host.hotkey)
      expect(proof.http).toBe(201)
      await host.obey()
      for (const marked of [await prover.go(proof.id), await prover.committed(proof.id), await prover.close(proof)]) expect(marked.http).toBe(200)
      await host.obey()
      const early = await validatorAt(edge)
      expect((await early.open(host.hotkey)).http).toBe(201)
      expect((await edge.allocate(key, { gpu: { count: 2, model: 'proved' } })).status, 'over a proof').toBe(202)
      await edge.running.tick()

      const client = createClient({ url: database.url })
      const scans: string[] = []
      for (const statement of seen) {
        if (!/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(statement)) continue
        const args = Array.from(statement.matchAll(/\?/g), () => null)
        const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${statement}`, args })
        const plan = rows.map((r) => String(r['detail']))
        const made = plan.flatMap((d) => /^(?:CO-ROUTINE|MATERIALIZE) (\w+)/.exec(d)?.[1] ?? [])
        const whole = plan.filter((d) => d.startsWith('SCAN') && !BOUNDED.some((b) => b.test(d)) && !made.includes(d.slice('SCAN '.length)))
        if (whole.length > 0) scans.push(`${whole.join('; ')} IN ${statement.replace(/\s+/g, ' ').slice(0, 200)}`)
      }
      client.close()
      expect(seen.size).toBeGreaterThan(60)
      expect(scans).toEqual([])
    } finally {
      await edge.close()
      await tap.close()
      await database.close()
    }
  })
})
