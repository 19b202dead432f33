import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Import, importsOf, type Rule, type Source, violations } from './support/imports.ts'

/** The arrows of DESIGN §2, each with its reason. Unit tests beside a file may import what they need. */

const ROOT = join(import.meta.dirname, '..')
const ROOMS = ['schema', 'edge', 'node-agents', 'gpu', 'local', 'test'] as const

const isTest = (path: string) => path.startsWith('test/') || path.endsWith('.test.ts')
const code = (path: string) => !isTest(path)
const within = (folder: string) => (path: string) => path.startsWith(`${folder}/`) && code(path)
const room = (path: string) => ROOMS.find((r) => path.startsWith(`${r}/`))
const isPackage = ({ target }: Import, ...names: string[]) => names.some((name) => target === name || target.startsWith(`${name}/`))
const isNode = ({ target }: Import) => target.startsWith('node:')

/** Ours, but in none of these rooms. */
const elsewhere =
  (...rooms: string[]) =>
  ({ target }: Import) => {
    const of = room(target)
    return of !== undefined && !rooms.includes(of)
  }

const mayNameTheApi = (path: string) => path === 'node-agents/core/control.ts' || path.startsWith('node-agents/cli/')
const AGENTS = ['miner', 'validator', 'cli']
const agentOf = (path: string) => AGENTS.find((a) => path.startsWith(`node-agents/${a}/`))

/** The one file of node-agents that may know an SDK. */
const SDK_HOMES: Record<string, string> = {
  dockerode: 'node-agents/miner/docker/client.ts',
  ssh2: 'node-agents/core/ssh/client.ts',
  '@polkadot': 'node-agents/core/chain/codec.ts',
}

const RULES: Rule[] = [
  {
    name: 'schema imports nothing of ours',
    reason: 'it is the language all rooms speak, so it can depend on none of them',
    about: within('schema'),
    forbids: elsewhere('schema'),
    offender: { path: 'schema/x.ts', text: "import { app } from '../edge/app.ts'" },
  },
  {
    name: 'edge imports only schema',
    reason: 'the Worker is deployed alone; agents and edge share words, not code',
    about: within('edge'),
    forbids: elsewhere('schema', 'edge'),
    offender: { path: 'edge/verbs/x.ts', text: "import { reason } from '../../node-agents/core/mistake.ts'" },
  },
  {
    name: 'node-agents import only schema, the catalogue, and the type of the API where it is called',
    reason: 'an agent is installed without the edge; only its type may cross, and types are gone at run time',
    about: within('node-agents'),
    forbids: (i, path) =>
      elsewhere('schema', 'node-agents')(i) && i.target !== 'gpu/catalog.json' && !(i.target === 'edge/app.ts' && i.typeOnly && mayNameTheApi(path)),
    offender: { path: 'node-agents/cli/x.ts', text: "import { type App } from '../../edge/app.ts'" },
  },
  {
    name: 'the type of the API is for core/control and cli alone',
    reason: 'one place per agent knows the routes',
    about: within('node-agents'),
    forbids: (i, path) => i.target === 'edge/app.ts' && !mayNameTheApi(path),
    offender: { path: 'node-agents/miner/x.ts', text: "import type { App } from '../../edge/app.ts'" },
  },
  {
    name: 'miner, validator and cli never import each other',
    reason: 'each can be read, changed and run without the others; what they share lives in core',
    about: (path) => agentOf(path) !== undefined && code(path),
    forbids: ({ target }, path) => agentOf(target) !== undefined && agentOf(target) !== agentOf(path),
    offender: { path: 'node-agents/cli/x.ts', text: "import { diff } from '../miner/diff.ts'" },
  },
  {
    name: 'core imports no agent',
    reason: 'what is shared cannot depend on who shares it',
    about: within('node-agents/core'),
    forbids: ({ target }) => agentOf(target) !== undefined,
    offender: { path: 'node-agents/core/x.ts', text: "export { diff } from '../miner/diff.ts'" },
  },
  {
    name: 'agents never see the tables, but the validator its own where it keeps them',
    reason: 'only the Worker talks to the database of the edge, and queries of an agent have one home',
    about: within('node-agents'),
    forbids: ({ target, typeOnly }, path) =>
      target.startsWith('schema/tables/') || target.startsWith('drizzle-orm') || target.startsWith('@libsql')
        ? !path.startsWith('node-agents/validator/store/') &&
          !(typeOnly && path.startsWith('node-agents/validator/') && target.startsWith('schema/tables/validator/'))
        : false,
    offender: { path: 'node-agents/miner/x.ts', text: "import { gpus } from '../../schema/tables/index.ts'" },
  },
  ...Object.entries(SDK_HOMES).map(([sdk, home]) => ({
    name: `${sdk} appears in one file of node-agents`,
    reason: `behind a port the SDK can be replaced, and failures have one translator: ${home}`,
    about: (path: string) => within('node-agents')(path) && path !== home,
    forbids: (i: Import) => isPackage(i, sdk),
    offender: { path: 'node-agents/miner/x.ts', text: `const { default: sdk } = await import('${sdk}/thing')` },
  })),
  {
    name: 'no SDK of the agents in schema or edge',
    reason: 'they need Node',
    about: (path) => within('schema')(path) || within('edge')(path),
    forbids: (i) => isPackage(i, ...Object.keys(SDK_HOMES), 'ws', 'commander', 'pino'),
    offender: { path: 'edge/x.ts', text: "import WebSocket from 'ws'" },
  },
  {
    name: 'node:* never in schema or edge',
    reason: 'workerd is not Node; what works only with its compatibility layer is not wanted',
    about: (path) => within('schema')(path) || within('edge')(path),
    forbids: isNode,
    offender: { path: 'schema/x.ts', text: "import { createHash } from 'node:crypto'" },
  },
  {
    name: 'routes never see Drizzle',
    reason: 'a route parses, calls and renders; queries have names and live in the store',
    about: within('edge/routes'),
    forbids: (i) => isPackage(i, 'drizzle-orm'),
    offender: { path: 'edge/routes/x.ts', text: "import { sql } from 'drizzle-orm'" },
  },
  {
    name: 'verbs never see HTTP',
    reason: 'a verb runs from a route, from cron and from an alarm alike',
    about: within('edge/verbs'),
    forbids: (i) => isPackage(i, 'hono', '@hono') || i.target.startsWith('edge/http/') || i.target.startsWith('edge/routes/'),
    offender: { path: 'edge/verbs/x.ts', text: "import type { Context } from 'hono'" },
  },
  {
    name: 'the store knows nothing above it',
    reason: 'routes call verbs, verbs call the store: the arrow has one direction',
    about: within('edge/store'),
    // The type of what a pure verb decides about is no dependency.
    forbids: (i) => isPackage(i, 'hono', '@hono') || (!i.typeOnly && /^edge\/(verbs|routes|http)\//.test(i.target)),
    offender: { path: 'edge/store/x.ts', text: "import { pick } from '../verbs/pick.ts'" },
  },
  {
    name: 'nothing but tests imports tests',
    reason: 'what ships does not depend on what checks it',
    about: code,
    forbids: ({ target }) => room(target) === 'test' || target.endsWith('.test.ts'),
    offender: { path: 'local/x.ts', text: "import { until } from '../test/support/until.ts'" },
  },
  {
    name: 'no any',
    reason: 'a value nobody knows the type of is unknown, and gets parsed',
    about: () => true,
    forbidsText: /\bas any\b|[:<|&,(=]\s*any\s*(?=[[\])>,;|&=\n{]|$)/g,
    offender: { path: 'schema/x.ts', text: 'const parsed: any = 1' },
  },
]

function sources(): Source[] {
  const paths = globSync([...ROOMS.map((r) => `${r}/**/*.ts`), '*.ts'], { cwd: ROOT }).map((p) => p.replaceAll('\\', '/'))
  return paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

describe.each(RULES)('$name', (rule) => {
  test('holds', () => expect(sources().flatMap((s) => violations(rule, s))).toEqual([]))
  test('can fail', () => expect(violations(rule, rule.offender)).toHaveLength(1))
})

describe('the reader of imports', () => {
  const read = (text: string) => importsOf({ path: 'a/b/c.ts', text })

  test('finds every form', () => {
    const text = [
      "import './side.ts'",
      "import type { A } from '../a.ts'",
      "import b, {\n  c,\n} from 'b'",
      "export * from './d.ts'",
      "const e = await import('../../e.ts')",
    ].join('\n')
    expect(read(text)).toEqual([
      { target: 'a/b/side.ts', typeOnly: false },
      { target: 'a/a.ts', typeOnly: true },
      { target: 'b', typeOnly: false },
      { target: 'a/b/d.ts', typeOnly: false },
      { target: 'e.ts', typeOnly: false },
    ])
  })

  test('an inline type is loaded at run time', () => {
    expect(read("import { type A } from './a.ts'")).toEqual([{ target: 'a/b/a.ts', typeOnly: false }])
  })

  test('reads the real tree', () => {
    const all = sources()
    expect(all.length).toBeGreaterThan(100)
    expect(importsOf(all.find((s) => s.path === 'edge/app.ts') ?? { path: '', text: '' }).map((i) => i.target)).toContain('edge/routes/allocations.ts')
  })
})
