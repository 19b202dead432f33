import type { Routes } from '../core/socket.ts'
import { deskRoutes } from './operator/routes.ts'
import { peerNumbers } from './score/peers.ts'
import { statusOf, type Validator } from './status.ts'

/** What the operator of this host may ask of a running validator. */
export function routesOf(v: Validator): Routes {
  const { hotkey, netuid, chain, clock, store, bundles } = v
  return {
    'GET /status': () => statusOf(v),
    ...deskRoutes({
      hotkey,
      netuid,
      chain,
      clock,
      store,
      bundles,
      metagraph: () => v.follow.view?.metagraph ?? null,
      filtered: (m) => v.queryable.of(m),
      development: () => v.state.development() === true,
      peers: async (m) => peerNumbers(await store.peers(), m, hotkey, clock.wallMs()),
      weights: () => v.cycles.status(),
      rescore: () => void rescore(v),
    }),
  }
}

/** Penalties are published even where scores have to wait. */
async function rescore({ scores, publish, log }: Validator): Promise<void> {
  try {
    await scores.round()
  } catch (error) {
    log.warn({ err: error }, 'scores have to wait for what is missing')
    publish.kick()
  }
}
