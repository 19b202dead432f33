import { userInfo } from 'node:os'
import type { BoxRecord } from './record.ts'
import { marked } from './processes.ts'

/** Asks the host of a box to end all sessions. */
export const END_SESSIONS = 'SIGUSR2'

/** Environment of everything that runs in a box: nothing of the agent's own but its PATH. */
export function sessionEnv(record: BoxRecord, home: string): Record<string, string> {
  const user = userInfo().username
  const PATH = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
  return { PATH, HOME: home, USER: user, LOGNAME: user, SHELL: '/bin/sh', LANG: 'C.UTF-8', ...record.env, ...marked(record.token) }
}
