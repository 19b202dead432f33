import { validatorMain } from '../node-agents/validator/main.ts'
import { tethered } from './tether.ts'

/** `node local/validator.ts …`: `compute validator …`. */
await tethered(() => validatorMain(process.argv.slice(2)))
