import { join } from 'node:path'
import { type MakeDriver, minerMain } from '../node-agents/miner/main.ts'
import { boxDriver } from './box/driver.ts'
import { tethered } from './tether.ts'

/** `node local/miner.ts docker|box …`: `compute miner …` with the given driver. */
const [driver, ...args] = process.argv.slice(2)
const box: MakeDriver = ({ state }) => boxDriver({ root: join(state, 'boxes') })

await tethered(() => minerMain(args, driver === 'box' ? box : undefined))
