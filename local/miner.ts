import { join } from 'node:path'
import { type MakeDriver, minerMain } from '../node-agents/miner/main.ts'
import { boxDriver } from './box/driver.ts'

/**
 * `node local/miner.ts docker|box …`: `compute miner …` with the given driver. Started over IPC it stops with its
 * parent; what it rented out runs on, as with any agent.
 */
const [driver, ...args] = process.argv.slice(2)
const box: MakeDriver = ({ state }) => boxDriver({ root: join(state, 'boxes') })

const stop = () => process.kill(process.pid, 'SIGTERM')
process.once('disconnect', stop)
process.exitCode = await minerMain(args, driver === 'box' ? box : undefined)
process.removeListener('disconnect', stop) // leaving by ourselves is no reason to be ended by a signal
if (process.connected) process.disconnect()
