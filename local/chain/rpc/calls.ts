import type { Block } from '../chain/block.ts'
import { RpcError } from '../chain/errors.ts'
import { metadataVersions, opaque } from '../runtime/metadata.ts'
import { concat, fromHex, Reader, toHex } from '../scale/bytes.ts'
import type { Value } from '../types.ts'
import type { Chain } from '../chain/chain.ts'

/** state_call: an answer of a runtime API at a block, as 0x-hex. Worked out once a block. */
export function callRuntime(chain: Chain, name: string, input: string, block: Block): string {
  const question = `${name} ${input}`
  const known = block.answers.get(question)
  if (known !== undefined) return known
  const answer = toHex(answerOf(chain, name, fromHex(input), block))
  block.answers.set(question, answer)
  return answer
}

function answerOf(chain: Chain, name: string, input: Uint8Array, block: Block): Uint8Array {
  const { runtime } = block
  const method = runtime.method(name)
  if (!method) throw failed(`Exported method ${name} is not found`)
  const args = method.inputs.map(readFrom(new Reader(input), block))
  switch (name) {
    case 'Core_version':
      return runtime.codec.encode(method.output, runtime.version.value)
    case 'Metadata_metadata':
      return opaque(runtime.metadata(14))
    case 'Metadata_metadata_versions':
      return runtime.codec.encode(method.output, [...metadataVersions])
    case 'Metadata_metadata_at_version': {
      const version = metadataVersions.find((v) => v === args[0])
      return version ? concat(new Uint8Array([1]), opaque(runtime.metadata(version))) : new Uint8Array([0])
    }
  }
  const [api = ''] = name.split('_')
  const run = [...chain.pallets.values()].map((pallet) => pallet.apis?.[`${api}.${method.name}`]).find((found) => found !== undefined)
  if (!run) throw failed(`${name} is declared, but this chain does not answer it`)
  return runtime.codec.encode(method.output, run(chain.contextAt(block), ...args))
}

function readFrom(reader: Reader, { runtime }: Block): (input: { type: string }) => Value {
  return ({ type }) => {
    try {
      return runtime.codec.read(type, reader)
    } catch (error) {
      throw failed(`Bad input data provided: ${String(error)}`)
    }
  }
}

function failed(why: string): RpcError {
  return new RpcError(4003, `Client error: Execution failed: Other: ${why}`)
}
