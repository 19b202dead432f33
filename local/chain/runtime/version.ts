import { blake2AsHex } from '@polkadot/util-crypto'
import type { Value } from '../types.ts'

const NAME = 'node-subtensor'

export type RuntimeVersion = {
  specVersion: number
  transactionVersion: number
  /** In `Value` form of the declared RuntimeVersion. */
  value: Value
  /** As JSON-RPC answers it. */
  json: Record<string, unknown>
}

/** What a runtime says of itself. Names and numbers besides the spec version are node-subtensor's at spec 425. */
export function runtimeVersion(specVersion: number, apis: Record<string, { version: number }>): RuntimeVersion {
  const ids = Object.entries(apis).map(([name, { version }]): [string, number] => [blake2AsHex(name, 64), version])
  const transactionVersion = 1
  const json = {
    specName: NAME,
    implName: NAME,
    authoringVersion: 1,
    specVersion,
    implVersion: 1,
    apis: ids,
    transactionVersion,
    systemVersion: 1,
    stateVersion: 1,
  }
  const value = {
    spec_name: NAME,
    impl_name: NAME,
    authoring_version: 1,
    spec_version: specVersion,
    impl_version: 1,
    apis: ids,
    transaction_version: transactionVersion,
    system_version: 1,
  }
  return { specVersion, transactionVersion, value, json }
}
