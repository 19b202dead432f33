import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'
import type { ApiOptions, SubmittableExtrinsic } from '@polkadot/api/types'
import { cryptoWaitReady } from '@polkadot/util-crypto'

/** The public client, unmodified, and what is said about it: tests of a chain drive it through nothing else. */
export type Client = { api: ApiPromise; warnings: string[]; close: () => Promise<void> }
export type Call = SubmittableExtrinsic<'promise'>
export type Pair = ReturnType<Keyring['addFromUri']>

const NO_EFFECT = ['SudoTransactionExtension', 'CheckShieldedTxValidity', 'SubtensorTransactionExtension', 'DrandPriority']

export async function pairOf(uri: string, type: 'sr25519' | 'ed25519' = 'sr25519'): Promise<Pair> {
  await cryptoWaitReady()
  return new Keyring({ type, ss58Format: 42 }).addFromUri(uri)
}

/** Unknown types in the metadata fail the connection; whatever the client warns of while connecting is in `warnings`. */
export async function connect(url: string): Promise<Client> {
  const warnings: string[] = []
  const { warn, error } = console
  console.warn = console.error = (...said: unknown[]) => void warnings.push(said.join(' '))
  try {
    const provider: unknown = new WsProvider(url)
    const signedExtensions = Object.fromEntries(NO_EFFECT.map((name) => [name, { extrinsic: {}, payload: {} }]))
    const api = await ApiPromise.create({ provider, throwOnUnknown: true, signedExtensions } as ApiOptions)
    return { api, warnings, close: () => api.disconnect() }
  } finally {
    Object.assign(console, { warn, error })
  }
}

/** "subtensorModule.tempo" → its storage query. Throws when the metadata has none. */
export function query(api: ApiPromise, name: string) {
  const [pallet = '', item = ''] = name.split('.')
  const found = api.query[pallet]?.[item]
  if (!found) throw new Error(`no storage ${name}`)
  return found
}

/** "subtensorModule.serveAxon" with its arguments. */
export function call(api: ApiPromise, name: string, ...args: unknown[]): Call {
  const [pallet = '', method = ''] = name.split('.')
  const found = api.tx[pallet]?.[method]
  if (!found) throw new Error(`no call ${name}`)
  return found(...args)
}

/** "subnetInfoRuntimeApi.getSelectiveMetagraph", as JSON. */
export async function ask(api: ApiPromise, name: string, ...args: unknown[]): Promise<unknown> {
  const [pallet = '', method = ''] = name.split('.')
  const found = api.call[pallet]?.[method]
  if (!found) throw new Error(`no runtime api ${name}`)
  return (await found(...args)).toJSON()
}

export type Outcome = { statuses: string[]; events: string[]; error: string | null; block: string }

/** Signs, sends and waits for one of these statuses. `error` is the dispatch error by name. Rejects with what the pool answers. */
export function send(api: ApiPromise, tx: Call, who: Pair, options: { nonce?: number; era?: number; until?: string; tip?: bigint } = {}): Promise<Outcome> {
  const { until = 'Finalized', ...signing } = options
  const statuses: string[] = []
  return new Promise((resolve, reject) => {
    tx.signAndSend(who, signing, ({ status, events, dispatchError }) => {
      statuses.push(status.type)
      if (status.type !== until) return
      const named = dispatchError?.isModule ? api.registry.findMetaError(dispatchError.asModule).name : dispatchError?.toString()
      const block = status.isFinalized ? status.asFinalized : status.isInBlock ? status.asInBlock : null
      const names = events.map(({ event }) => `${event.section}.${event.method}`)
      resolve({ statuses, events: names, error: named ?? null, block: block?.toHex() ?? '' })
    }).catch(reject)
  })
}
