import type { Routes } from '../../core/socket.ts'
import { penalizeInput, proofsInput, which, whose } from './answers.ts'
import { type Desk, input } from './desk.ts'
import { explanationOf } from './explain.ts'
import { minersOf } from './miners.ts'
import { pardon, penalize } from './penalties.ts'
import { proofsOf } from './proofs.ts'
import { weightsOf } from './weights.ts'

/** What the operator of a validator may ask and do beside its status. */
export function deskRoutes(desk: Desk): Routes {
  return {
    'GET /miners': () => minersOf(desk),
    'POST /explain': (body) => explanationOf(desk, input(which, body).miner),
    'POST /proofs': (body) => proofsOf(desk, input(proofsInput, body)),
    'GET /weights': () => weightsOf(desk, false),
    'GET /weights/matrix': () => weightsOf(desk, true),
    'POST /penalize': (body) => penalize(desk, input(penalizeInput, body)),
    'POST /pardon': (body) => pardon(desk, input(whose, body).hotkey),
  }
}
