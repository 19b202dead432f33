import { join } from 'node:path'
import { type MakeDriver, minerMain } from '../node-agents/miner/main.ts'
import { boxDriver } from './box/driver.ts'

/**
 * `node local/miner.ts docker|box …`: `compute miner …` with the given driver. Started over IPC it stops with its
 * parent; what it rented out runs on, as with any agent.
 */
const [driver, ...args] = process.argv.slice(2)
const box: MakeDriver = ({ state }) => boxDriver({ root: join(state, 'boxes') })

process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.exitCode = await minerMain(args, driver === 'box' ? box : undefined)
if (process.connected) process.disconnect()
