import type { Clock } from '../../ports.ts'
import { cryptoRandom, type Random } from '../random.ts'
import { checkTask } from './limits.ts'
import { Session } from './session.ts'
import type { Hooks, Pipe, SessionResult, Task } from './types.ts'

/**
 * Proves the GPUs behind a pipe: greeting, pings, prep, the barrier (`hooks.go`), chain and sweep by our clock, commitments
 * (`hooks.committed`), openings, verdict. Whatever the host does, it ends within five minutes and within fixed memory, and what the host
 * did is in the result. Closes the pipe in any case.
 * @throws what a hook rejects with; the reason of the signal; RangeError for a task that no host could fulfil
 */
export async function runSession(
  pipe: Pipe,
  task: Task,
  hooks: Hooks,
  { clock, signal, random = cryptoRandom }: { clock: Clock; signal: AbortSignal; random?: Random },
): Promise<SessionResult> {
  try {
    checkTask(task)
    return await new Session(pipe, task, hooks, { clock, random }).run(signal)
  } finally {
    pipe.close()
  }
}
