import { createServer } from 'node:http'
import { isIPv6 } from 'node:net'
import type { Counter, Gauge, Registry } from 'prom-client'
import type { Log } from './log.ts'

/** A histogram is fed as things happen; the others are read when somebody asks. Units stand in the names. */
export type Metric = { kind: 'gauge' | 'counter' | 'histogram'; help: string; labels?: readonly string[] }
export type Sample = { value: number; labels?: Record<string, string> }

export const flag = (is: boolean): Sample[] => [{ value: Number(is) }]
/** No sample where nothing is known. */
export const maybe = (value: number | null | undefined): Sample[] => (value === null || value === undefined ? [] : [{ value }])

/** A registry of gauges and counters that are read when they are asked for. The library is loaded only by those who want metrics. */
export async function makeRegistry<N extends string>(metrics: Record<N, Metric>, samples: Record<N, () => Sample[]>): Promise<Registry> {
  const prometheus = await import('prom-client')
  const registry = new prometheus.Registry()
  for (const [name, { kind, help, labels = [] }] of Object.entries<Metric>(metrics)) {
    const now = samples[name as N]
    const options = { name, help, labelNames: [...labels], registers: [] }
    if (kind === 'counter') {
      const collect = function (this: Counter) {
        this.reset()
        for (const { labels = {}, value } of now()) this.inc(labels, value)
      }
      registry.registerMetric(new prometheus.Counter({ ...options, collect }))
    } else {
      const collect = function (this: Gauge) {
        this.reset()
        if (labels.length === 0) this.remove() // a reset one would say 0 where nothing is known
        for (const { labels = {}, value } of now()) this.set(labels, value)
      }
      registry.registerMetric(new prometheus.Gauge({ ...options, collect }))
    }
  }
  return registry
}

/**
 * Serves `GET /metrics`. Rejects when the address cannot be listened at.
 * @returns a function that ends it
 */
export async function serveMetrics(registry: Registry, { host, port }: { host: string; port: number }, log: Log): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end()
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => {
        log.error({ err: error }, 'metrics cannot be read')
        response.writeHead(500).end()
      },
    )
  })
  server.requestTimeout = 10_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  log.info({ url: `http://${isIPv6(host) ? `[${host}]` : host}:${port}/metrics` }, 'metrics are served')
  return async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
