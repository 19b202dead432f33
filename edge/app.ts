import { Problem } from '../schema/problem.ts'
import { router } from './http/app.ts'
import { traced, withCtx } from './http/context.ts'
import { onError, render } from './http/problem.ts'
import { actRoutes } from './routes/acts.ts'
import { adminRoutes } from './routes/admin.ts'
import { agentRoutes } from './routes/agent.ts'
import { allocationRoutes } from './routes/allocations.ts'
import { eventRoutes } from './routes/events.ts'
import { marketRoutes } from './routes/market.ts'
import { networkRoutes } from './routes/network.ts'
import { opsRoutes } from './routes/ops.ts'
import { proofRoutes } from './routes/proofs.ts'
import { snapshotRoutes } from './routes/snapshots.ts'
import { validatorRoutes } from './routes/validator.ts'

const base = router()
base.onError(onError)
base.use(traced)
base.use(withCtx)
base.notFound((c) => render(new Problem('not_found', `nothing at ${c.req.method} ${c.req.path}; see /openapi.json`), c.get('trace')))
base.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' })
base.openAPIRegistry.registerComponent('securitySchemes', 'btauth', {
  type: 'apiKey',
  in: 'header',
  name: 'x-bittensor-signature',
  description: 'btauth/1: sr25519 by the hotkey over method, path, body hash, nonce, sender and receiver',
})

export const app = base
  .route('/', allocationRoutes)
  .route('/', actRoutes)
  .route('/', eventRoutes)
  .route('/', marketRoutes)
  .route('/', agentRoutes)
  .route('/', validatorRoutes)
  .route('/', proofRoutes)
  .route('/', adminRoutes)
  .route('/', snapshotRoutes)
  .route('/', networkRoutes)
  .route('/', opsRoutes)

app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Compute subnet: edge', version: '0.1.0', description: 'Rent GPUs of a Bittensor subnet.' } })

/** What clients are typed by: `hc<App>(url)`. */
export type App = typeof app
