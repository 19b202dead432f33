import { readFileSync } from 'node:fs'
import { realClock } from '../../node-agents/core/clock.ts'
import type { SshDoor } from '../../node-agents/core/ports.ts'
import { runSession } from '../../node-agents/core/proof/session/run.ts'
import type { SessionResult } from '../../node-agents/core/proof/session/types.ts'
import { sshShell } from '../../node-agents/core/ssh/client.ts'
import { draws, SEED, TASK } from './session.draws.ts'

// What the bench weighs: a process that proves argv[2] machines, argv[3] at a time, all of them at the host of argv[4]. Prints one line.

const [machines = '', wave = '', host = ''] = process.argv.slice(2)
const { door, privateKey } = JSON.parse(host) as { door: SshDoor; privateKey: string }
const { signal } = new AbortController()
const shell = sshShell()

async function prove(): Promise<SessionResult> {
  const login = await shell.login(door, privateKey, 60_000, signal)
  try {
    const run = await login.run('serve', signal)
    const hooks = { go: async () => SEED, committed: async () => undefined }
    const result = await runSession(run, TASK, hooks, { clock: realClock, signal, random: draws() })
    if (result.ended !== 'complete' || result.verdict.result !== 'passed') throw new Error(result.text)
    return result
  } finally {
    await login.close()
  }
}

/** Most memory it ever had. What `resourceUsage` says begins with what the process had that started this one. */
function peakMb(): number {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return (Number(kib) * 1024) / 1e6
}

const rested = process.memoryUsage().rss / 1e6
const before = process.cpuUsage()
const begun = performance.now()
let bytes = { in: 0, out: 0 }
for (let left = Number(machines); left > 0; left -= Number(wave)) {
  const results = await Promise.all(Array.from({ length: Math.min(left, Number(wave)) }, prove))
  bytes = results[0]?.bytes ?? bytes
}
const { user, system } = process.cpuUsage(before)
const figures = { cpuS: (user + system) / 1e6, wallS: (performance.now() - begun) / 1000, bytes, rested, peakMb: peakMb() }
console.log(JSON.stringify(figures))
process.exit(0)
