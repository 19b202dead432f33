import { loadHotkey } from '../../node-agents/core/hotkey.ts'
import { signRequest } from '../../schema/index.ts'

/** `node recover.floor.ts EDGE RECEIVER HOTKEY-FILE`: the least an agent does to be heard: start, sign one request, read the answer. */
const [edge = '', receiver = '', file = ''] = process.argv.slice(2)
const { address: sender, secret } = await loadHotkey(file)
const nonce = String(BigInt(Date.now()) * 1_000_000n)
const headers = signRequest(secret, { method: 'GET', target: '/agent/wake', body: new Uint8Array(), nonce, sender, receiver })
const { status } = await fetch(`${edge}/agent/wake`, { headers })
// Signature and role hold; only the upgrade is missing.
if (status !== 426) throw new Error(`the edge answered ${status}`)
