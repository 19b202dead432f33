import { createServer } from 'node:net'
import { errno, Mistake } from '../../node-agents/core/mistake.ts'

/** Throws a Mistake when something listens there already. */
export async function checkFree(port: number): Promise<void> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  } catch (error) {
    if (errno(error) !== 'EADDRINUSE') throw error
    throw new Mistake(`port ${port} is taken: stop what listens there, or choose another with npm start -- --port ${port + 1}`, error)
  }
  await new Promise((resolve) => server.close(resolve))
}
