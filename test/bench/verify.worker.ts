import { sr25519Verify } from '@polkadot/util-crypto'
import { signingBytes, verifyRequest } from '../../schema/btauth.ts'
import { decodeHotkey } from '../../schema/hotkey.ts'

/** What the bench asks for: so many verifications of one signed request, one way or the other. */
type Ask = {
  way: 'ours' | 'polkadot'
  times: number
  headers: Record<string, string>
  method: string
  target: string
  body: string
  receiver: string
  nowMs: number
}

export default {
  async fetch(request: Request): Promise<Response> {
    const ask = (await request.json()) as Ask
    const body = new TextEncoder().encode(ask.body)
    const header = (name: string) => ask.headers[name] ?? null
    for (let i = 0; i < ask.times; i++) {
      if (!(ask.way === 'ours' ? ours(ask, body, header) : polkadot(ask, body, header))) return new Response('a good signature was refused', { status: 500 })
    }
    return new Response('ok')
  },
}

type Header = (name: string) => string | null

const ours = ({ method, target, receiver, nowMs }: Ask, body: Uint8Array, header: Header) => verifyRequest({ method, target, body, header }, receiver, nowMs).ok

function polkadot({ method, target, receiver }: Ask, body: Uint8Array, header: Header): boolean {
  const sender = header('x-bittensor-hotkey') ?? ''
  const bytes = signingBytes({ method, target, body, nonce: header('x-bittensor-nonce') ?? '', sender, receiver })
  const publicKey = decodeHotkey(sender)
  return publicKey !== null && sr25519Verify(bytes, header('x-bittensor-signature') ?? '', publicKey)
}
