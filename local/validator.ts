import { connectChain } from '../node-agents/core/chain/index.ts'
import { type MakeChain, validatorMain } from '../node-agents/validator/main.ts'
import { Beacon } from './chain/drand/beacon.ts'
import { BLOCK_MS } from './stack/pace.ts'
import { tethered } from './tether.ts'

/** `node local/validator.ts …`: `compute validator …` on the chain of a stack, which has a pace and a beacon of its own. */
const makeChain: MakeChain = ({ chain }, log) => connectChain({ ...chain, log, blockMs: BLOCK_MS, beacon: new Beacon().info })

await tethered(() => validatorMain(process.argv.slice(2), makeChain))
