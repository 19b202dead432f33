/**
 * Runs an agent that was started over IPC: it stops when its parent does, or lets go of it; what it rented out runs on, as with any agent.
 * Its exit code becomes that of this process.
 */
export async function tethered(agent: () => Promise<number>): Promise<void> {
  const stop = () => process.kill(process.pid, 'SIGTERM')
  process.once('disconnect', stop)
  process.exitCode = await agent()
  process.removeListener('disconnect', stop) // leaving by ourselves is no reason to be ended by a signal
  if (process.connected) process.disconnect()
}
