import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { EDGE_METRICS } from '../edge/verbs/metrics.ts'
import { makeProgram } from '../node-agents/cli/main.ts'
import { COMMANDS } from '../node-agents/miner/commands/index.ts'
import { METRICS } from '../node-agents/miner/metrics.ts'
import { COMMANDS as VALIDATOR_COMMANDS } from '../node-agents/validator/commands/index.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8')
const PAGE = read('docs/operate.md')
const DASHBOARD = read('docs/grafana.json')

/** Every series of our registries; a histogram has three. */
const SERIES = new Set([
  ...Object.keys(EDGE_METRICS),
  ...Object.entries(METRICS).flatMap(([name, { kind }]) => (kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((s) => name + s) : [name])),
])
const seriesIn = (text: string) => [...new Set(text.match(/\bcompute_(?:edge|miner)_[a-z_]+/g) ?? [])]

type Panel = { id: number; type: string; title: string; datasource?: unknown; targets?: { expr: string }[]; gridPos: { x: number; w: number } }

describe('the dashboard', () => {
  const { panels, __inputs: inputs } = JSON.parse(DASHBOARD) as { panels: Panel[]; __inputs: { name: string }[] }
  const expressions = panels.flatMap((p) => p.targets ?? []).map((t) => t.expr)

  it('asks only for what the edge and the agents tell', () => {
    expect(seriesIn(expressions.join('\n')).filter((name) => !SERIES.has(name))).toEqual([])
  })

  it('shows each of their metrics', () => {
    const shown = seriesIn(expressions.join('\n'))
    const missing = [...Object.keys(EDGE_METRICS), ...Object.keys(METRICS)].filter(
      (name) => !shown.some((s) => s.replace(/_(bucket|sum|count)$/, '') === name || s === name),
    )
    expect(missing).toEqual([])
  })

  it('groups miners by labels that the metric has', () => {
    for (const [name, metric] of Object.entries(METRICS)) {
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

describe("the operator's page", () => {
  it('names only metrics that exist', () => {
    expect(seriesIn(PAGE).filter((name) => !SERIES.has(name))).toEqual([])
  })

  it('names only commands that exist', () => {
    const names = (command: Command): string[] => command.commands.flatMap((c) => [`${c.name()}`, ...names(c).map((n) => `${c.name()} ${n}`)])
    const io = { env: {}, out: () => undefined, err: () => undefined, nowMs: () => 0, exit: () => undefined }
    const agents = { miner: COMMANDS, validator: VALIDATOR_COMMANDS }
    const known = new Set([
      ...names(makeProgram(io)),
      ...Object.entries(agents).flatMap(([agent, commands]) => [agent, ...Object.keys(commands).map((c) => `${agent} ${c}`)]),
    ])
    const said = [...PAGE.matchAll(/(?:^|[`\s/])compute ((?:admin(?: (?:keys|allow|brake|snapshot))?|miner|validator)(?: [a-z][a-z-]+)?|[a-z]+)/gm)].map(
      (m) => m[1] ?? '',
    )
    expect(said.length).toBeGreaterThan(20)
    expect([...new Set(said)].filter((c) => !known.has(c))).toEqual([])
  })

  it('has every place it points to', () => {
    const slug = (heading: string) =>
      heading
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .trim()
        .replaceAll(' ', '-')
    const headings = [...PAGE.matchAll(/^#+ (.*)$/gm)].map((m) => slug(m[1] ?? ''))
    const places = new Set(headings.map((h, i) => (headings.indexOf(h) === i ? h : `${h}-${headings.slice(0, i).filter((e) => e === h).length}`)))
    const links = [...PAGE.matchAll(/\]\(#([^)]+)\)/g)].map((m) => m[1] ?? '')
    expect(links.filter((l) => !places.has(l))).toEqual([])
  })
})
