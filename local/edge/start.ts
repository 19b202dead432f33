import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { fileURLToPath } from 'node:url'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Secrets and settings of an edge, by the names of edge/env.ts. */
export type EdgeVars = Record<string, string>

export type EdgeOptions = {
  vars: EdgeVars
  /** 0 takes a free one. */
  port?: number
  /** Folder where Durable Objects keep their storage; memory only when absent. */
  persist?: string
  onLog?: (line: string) => void
  /** Changes the built script, to inject a fault or take a guard away. */
  rewrite?: (script: string) => string
}

export type RunningEdge = {
  url: string
  /** Runs the cron handler once, as Cloudflare would each minute: locally nothing fires it. */
  tick(): Promise<void>
  close(): Promise<void>
}

/** The Worker as one module, built the way wrangler builds it. */
async function bundle(): Promise<string> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ['edge/index.ts'],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'silent',
  })
  const [file] = result.outputFiles
  if (!file) throw new Error('the Worker did not build')
  return file.text
}

/** Runs the Worker of wrangler.toml in a real workerd on loopback. */
export async function startEdge({ vars, port = 0, persist, onLog, rewrite = (script) => script }: EdgeOptions): Promise<RunningEdge> {
  const [script, { workerOptions }] = await Promise.all([bundle(), unstable_getMiniflareWorkerOptions(`${ROOT}/wrangler.toml`)])
  const { modulesRules: _rules, ...fromToml } = workerOptions
  const options = convertV4MiniflareOptions({
    ...fromToml,
    name: 'edge',
    modules: [{ type: 'ESModule', path: 'index.js', contents: rewrite(script) }],
    bindings: Object.assign({}, fromToml.bindings, vars),
    host: '127.0.0.1',
    port,
    ...(persist && { resourcePersistencePath: persist }),
    handleStructuredLogs: ({ message }) => onLog?.(message),
  })
  const miniflare = new Miniflare(options)
  const url = (await miniflare.ready).origin
  return {
    url,
    tick: async () => {
      const { outcome } = await (await miniflare.getWorker()).scheduled({ cron: '* * * * *' })
      if (outcome !== 'ok') throw new Error(`the cron handler ended with ${outcome}`)
    },
    close: () => miniflare.dispose(),
  }
}
