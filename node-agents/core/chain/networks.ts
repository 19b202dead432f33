import { Mistake } from '../mistake.ts'

/** Where a chain is: its endpoints in the order to try them, and which chain they must show; `genesis` null: any. */
export type Network = { /** What btcli calls it, or the endpoints as they were given. */ name: string; endpoints: string[]; genesis: string | null }

const FINNEY = '0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03'
const TEST = '0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105'

/** The public networks and a node on this machine. */
export const NETWORKS: Record<string, Omit<Network, 'name'>> = {
  finney: {
    endpoints: ['wss://entrypoint-finney.opentensor.ai:443', 'wss://lite.chain.opentensor.ai:443', 'wss://lite.sub.latent.to:443'],
    genesis: FINNEY,
  },
  test: { endpoints: ['wss://test.finney.opentensor.ai:443'], genesis: TEST },
  archive: { endpoints: ['wss://archive.chain.opentensor.ai:443'], genesis: FINNEY },
  local: { endpoints: ['ws://127.0.0.1:9944', 'ws://127.0.0.1:9945'], genesis: null },
}

/**
 * Reads a setting: the name of a network, or WebSocket URLs separated by commas; null for "none".
 * @throws Mistake that says what would be right
 */
export function parseChain(text: string): Network | null {
  const name = text.trim()
  if (name === 'none') return null
  const known = Object.hasOwn(NETWORKS, name) ? NETWORKS[name] : undefined
  if (known) return { name, ...known }
  const endpoints = name.split(',').map((part) => part.trim())
  if (!endpoints.every((url) => /^wss?:$/.test(URL.parse(url)?.protocol ?? '')))
    throw new Mistake(`give ${Object.keys(NETWORKS).join(', ')}, none, or WebSocket URLs separated by commas, such as wss://host:443`)
  return { name: endpoints.join(','), endpoints, genesis: null }
}
