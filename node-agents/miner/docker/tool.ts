import { execFile } from 'node:child_process'
import { reason } from '../../core/mistake.ts'

const TIMEOUT_MS = 20_000
/** Agents often have no sbin in their PATH. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** Runs a program of this host: argv, no shell, and never for ever. Resolves with what it printed. */
export type Tool = (file: string, args: string[], input?: string) => Promise<string>

/** Rejects with the first line the program complained with. */
export const tool: Tool = (file, args, input = '') =>
  new Promise((resolve, reject) => {
    const child = execFile(file, args, { timeout: TIMEOUT_MS, env: { PATH }, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file}: ${stderr.trim().split('\n')[0] || reason(error)}`, { cause: error }))
      else resolve(stdout)
    })
    child.stdin?.on('error', () => undefined) // it ended before it read; its exit code says why
    child.stdin?.end(input)
  })
