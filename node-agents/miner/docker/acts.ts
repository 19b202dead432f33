import { DriverError, type ContainerIdentity, type Owner } from '../../core/ports.ts'
import { accessOf } from '../access.ts'
import { keysArchive } from './archive.ts'
import type { Engine, Row } from './client.ts'
import { clip } from './errors.ts'
import { inside } from './exec.ts'
import { nameOf } from './labels.ts'
import { need } from './find.ts'

/** Milliseconds: the script reads one small file for each process. */
const SESSIONS_MOST_MS = 20_000

/**
 * Ends every SSH session, and hangs up on what ran in it; the listener (the sshd whose parent is PID 1) stays. Constant text, for
 * any POSIX shell with its builtins alone: images have different tools, and none of them is asked for. A process may be gone before
 * it is looked at.
 */
const END_SESSIONS = `
sessions=' '
look() {
  for stat in /proc/[0-9]*/stat; do
    { read -r line < "$stat"; } 2>/dev/null || continue
    case $line in *') '*) ;; *) continue ;; esac
    pid=\${line%% *} name=\${line#*(} rest=\${line##*) }
    name=\${name%)*}
    set -- $rest
    "$act" "$pid" "$name" "$2"
  done
}
session() {
  case $2 in sshd|sshd-session|sshd-auth) [ "$3" -gt 1 ] && sessions="$sessions$1 " ;; esac
}
hang_up() {
  case $sessions in *" $1 "*) return ;; esac
  case $sessions in *" $3 "*) kill -HUP -"$1" 2>/dev/null ;; esac
}
act=session; look
act=hang_up; look
for pid in $sessions; do
  kill -KILL "$pid" || [ ! -e "/proc/$pid" ] || exit 1
done
exit 0
`

const exited = (c: Pick<ContainerIdentity, 'allocation' | 'incarnation'>) => new DriverError('exited', `${nameOf(c)} is not running`)
const isUp = (row: Row) => row.State === 'running' || row.State === 'restarting'

export async function pause(engine: Engine, owner: Owner, c: ContainerIdentity): Promise<void> {
  await engine.pause((await need(engine, owner, c)).Id)
}

export async function unpause(engine: Engine, owner: Owner, c: ContainerIdentity): Promise<void> {
  const row = await need(engine, owner, c)
  if (row.State === 'paused') return engine.unpause(row.Id)
  if (!isUp(row)) throw exited(c)
}

/** New keys count from the next login on, without a restart. The host key stays. */
export async function rekey(engine: Engine, owner: Owner, c: ContainerIdentity, authorizedKeys: string[], endSessions: boolean): Promise<void> {
  const archive = await keysArchive(accessOf({ authorizedKeys, env: {} }))
  const row = await need(engine, owner, c)
  if (endSessions && !isUp(row)) throw row.State === 'paused' ? new DriverError('engine_error', `${nameOf(c)} is paused: its sessions cannot end`) : exited(c)
  await engine.put(row.Id, archive)
  if (endSessions) await endAll(engine, row.Id)
}

async function endAll(engine: Engine, id: string): Promise<void> {
  const { exitCode, output } = await inside(engine, id, ['/bin/sh', '-c', END_SESSIONS], {}, SESSIONS_MOST_MS)
  if (exitCode === 0) return
  throw new DriverError('engine_error', clip(`the keys are replaced, but open sessions could not be ended (${exitCode}): ${output.trim()}`))
}
