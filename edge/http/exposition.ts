import type { Metric } from '../verbs/metrics.ts'

/** What GET /metrics answers with: version 0.0.4 of the text format of Prometheus. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Metrics in the text format of Prometheus. Our own few lines, because prom-client needs Node (`util`, `perf_hooks`, `v8`, `cluster`) and
 * weighs 66 KiB here; a test holds them to what prom-client writes.
 */
export function exposition(metrics: Metric[]): string {
  return `${metrics.map(block).join('\n\n')}\n`
}

function block({ name, help, type, samples }: Metric): string {
  const lines = samples.map(({ labels = {}, value }) => `${name}${labelText(labels)} ${value}`)
  return [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...lines].join('\n')
}

function labelText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value).replaceAll('"', '\\"')}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
