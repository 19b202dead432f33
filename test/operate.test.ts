import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { EDGE_METRICS } from '../edge/verbs/metrics.ts'
import { makeProgram } from '../node-agents/cli/main.ts'
import { COMMANDS } from '../node-agents/miner/commands/index.ts'
import { METRICS } from '../node-agents/miner/metrics.ts'
import { COMMANDS as VALIDATOR_COMMANDS } from '../node-agents/validator/commands/index.ts'
import { SETTINGS as VALIDATOR_SETTINGS } from '../node-agents/validator/config.ts'
import { METRICS as VALIDATOR_METRICS } from '../node-agents/validator/metrics.ts'
import { EXCLUSIONS } from '../node-agents/validator/score/types.ts'
import { CYCLE_STATES } from '../schema/tables/validator/index.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8')
const PAGE = read('docs/operate.md')
const VALIDATOR_PAGE = read('docs/validator.md')
const DASHBOARD = read('docs/grafana.json')

/** Of every agent. */
const AGENT_METRICS = { ...METRICS, ...VALIDATOR_METRICS }
/** Every series of our registries; a histogram has three. */
const SERIES = new Set([
  ...Object.keys(EDGE_METRICS),
  ...Object.entries(AGENT_METRICS).flatMap(([name, { kind }]) => (kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((s) => name + s) : [name])),
])
const seriesIn = (text: string) => [...new Set(text.match(/\bcompute_(?:edge|miner|validator)_[a-z_]+/g) ?? [])]

type Panel = { id: number; type: string; title: string; datasource?: unknown; targets?: { expr: string }[]; gridPos: { x: number; w: number } }

describe('the dashboard', () => {
  const { panels, __inputs: inputs } = JSON.parse(DASHBOARD) as { panels: Panel[]; __inputs: { name: string }[] }
  const expressions = panels.flatMap((p) => p.targets ?? []).map((t) => t.expr)

  it('asks only for what the edge and the agents tell', () => {
    expect(seriesIn(expressions.join('\n')).filter((name) => !SERIES.has(name))).toEqual([])
  })

  it('shows each of their metrics', () => {
    const shown = seriesIn(expressions.join('\n'))
    const missing = [...Object.keys(EDGE_METRICS), ...Object.keys(AGENT_METRICS)].filter(
      (name) => !shown.some((s) => s.replace(/_(bucket|sum|count)$/, '') === name || s === name),
    )
    expect(missing).toEqual([])
  })

  it('groups agents by labels that the metric has', () => {
    for (const [name, metric] of Object.entries(AGENT_METRICS)) {
      const known: readonly string[] = ['le', 'instance', ...('labels' in metric ? metric.labels : [])]
      const wanted = expressions.filter((e) => e.includes(name)).flatMap((e) => [...e.matchAll(/by \(([^)]*)\)/g)].flatMap((m) => (m[1] ?? '').split(', ')))
      expect(
        wanted.filter((label) => !known.includes(label)),
        name,
      ).toEqual([])
    }
  })

  it('can be imported: ids once, within the grid, from the data source it asks for', () => {
    expect(inputs.map((i) => i.name)).toEqual(['DS_PROMETHEUS'])
    expect(new Set(panels.map((p) => p.id)).size).toBe(panels.length)
    for (const { type, datasource, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      if (type !== 'row') expect(datasource).toEqual({ type: 'prometheus', uid: '${DS_PROMETHEUS}' })
    }
  })
})

const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .trim()
    .replaceAll(' ', '-')

/** What links may point to in a page. */
function placesIn(page: string): Set<string> {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map((m) => slug(m[1] ?? ''))
  return new Set(headings.map((h, i) => (headings.indexOf(h) === i ? h : `${h}-${headings.slice(0, i).filter((e) => e === h).length}`)))
}

const PAGES = { 'operate.md': PAGE, 'validator.md': VALIDATOR_PAGE }
const LINKED = { ...PAGES, 'proof.md': read('docs/proof.md') }

describe.each(Object.entries(PAGES))('%s', (_, page) => {
  it('names only metrics that exist', () => {
    expect(seriesIn(page).filter((name) => !SERIES.has(name))).toEqual([])
  })

  it('names only commands that exist', () => {
    const names = (command: Command): string[] => command.commands.flatMap((c) => [`${c.name()}`, ...names(c).map((n) => `${c.name()} ${n}`)])
    const io = { env: {}, out: () => undefined, err: () => undefined, nowMs: () => 0, exit: () => undefined }
    const agents = { miner: COMMANDS, validator: VALIDATOR_COMMANDS }
    const known = new Set([
      ...names(makeProgram(io)),
      ...Object.entries(agents).flatMap(([agent, commands]) => [agent, ...Object.keys(commands).map((c) => `${agent} ${c}`)]),
    ])
    const said = [...page.matchAll(/(?:^|[`\s/])compute ((?:admin(?: (?:keys|allow|brake|snapshot))?|miner|validator)(?: [a-z][a-z-]+)?|[a-z]+)/gm)].map(
      (m) => m[1] ?? '',
    )
    expect(said.length).toBeGreaterThan(10)
    expect([...new Set(said)].filter((c) => !known.has(c))).toEqual([])
  })

  it('has every place it points to, in itself and in the others', () => {
    const links = [...page.matchAll(/\]\(([a-z]*(?:\.md)?)#([^)]+)\)/g)].map((m) => ({
      page: m[1] ? LINKED[m[1] as keyof typeof LINKED] : page,
      place: m[2] ?? '',
    }))
    expect(links.length).toBeGreaterThan(5)
    expect(links.filter((l) => !placesIn(l.page).has(l.place)).map((l) => l.place)).toEqual([])
  })
})

describe("the validator's page", () => {
  const flagIn = (row: string) => /^\| `(--[a-z.-]+)` +\| *(?:`([^`]+)`)?/.exec(row)
  const rows = VALIDATOR_PAGE.split('\n').flatMap((row) => (flagIn(row) ? [flagIn(row)] : []))
  const listed = new Map(rows.map((m) => [m?.[1] ?? '', m?.[2] ?? null]))

  it('lists each flag of compute validator, and no other', () => {
    expect([...listed.keys()].toSorted()).toEqual(
      Object.values(VALIDATOR_SETTINGS)
        .map((s) => s.flag)
        .toSorted(),
    )
  })

  it('has their defaults', () => {
    for (const { flag, default: value } of Object.values(VALIDATOR_SETTINGS)) if (value !== null) expect(listed.get(flag), flag).toBe(value)
  })

  it('has each command, and each state of a cycle', () => {
    for (const name of Object.keys(VALIDATOR_COMMANDS)) expect(VALIDATOR_PAGE).toContain(`compute validator ${name}`)
    for (const state of CYCLE_STATES) expect(VALIDATOR_PAGE, state).toContain(`| \`${state}\``)
  })

  it('names each reason to leave a miner out', () => {
    for (const reason of EXCLUSIONS) expect(VALIDATOR_PAGE, reason).toContain(`\`${reason}\``)
  })
})
