import { randomBytes } from 'node:crypto'
import { type MarkProof, type ProblemBody, type ProofState, type ProofVerdict, verdictStatement } from '../../schema/index.ts'
import { WireMiner } from './agent.ts'
import type { TestEdge } from './edge.ts'
import { signatureOf } from './publication.ts'

/** Proofs at the edge, as a validator asks for them. */

/** What came back: the proof, or the problem. */
export type Told = ProofState & ProblemBody & { http: number; retryAfter: string | null }

/** A validator on the wire and nothing else. */
export class WireValidator extends WireMiner {
  /** An ed25519 key that no other proof has. */
  static newKey(): string {
    const type = Buffer.from('ssh-ed25519')
    const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
    return `ssh-ed25519 ${Buffer.concat([field(type), field(randomBytes(32))]).toString('base64')}`
  }

  async told(method: string, path: string, body?: unknown): Promise<Told> {
    const response = await this.send(method, path, body)
    return { ...((await response.json()) as ProofState & ProblemBody), http: response.status, retryAfter: response.headers.get('retry-after') }
  }

  open(hotkey: string, ssh_key = WireValidator.newKey()): Promise<Told> {
    return this.told('POST', '/validator/proofs', { hotkey, ssh_key })
  }

  look(id: string, waitS = 0): Promise<Told> {
    return this.told('GET', `/validator/proofs/${id}?wait=${waitS}`)
  }

  mark(id: string, mark: MarkProof): Promise<Told> {
    return this.told('PATCH', `/validator/proofs/${id}`, mark)
  }

  go(id: string): Promise<Told> {
    return this.mark(id, { mark: 'go' })
  }

  committed(id: string, digest = 'ab'.repeat(32)): Promise<Told> {
    return this.mark(id, { mark: 'committed', digest })
  }

  /** Says what came of it: all its cards are valid, unless said. */
  close(proof: ProofState, o: Partial<ProofVerdict> = {}): Promise<Told> {
    return this.mark(proof.id, { mark: 'close', verdict: this.verdict(proof, o) })
  }

  verdict(proof: ProofState, o: Partial<ProofVerdict> = {}): ProofVerdict {
    const valid = (o.result ?? 'valid') === 'valid'
    const content = {
      netuid: 27,
      validator: this.hotkey,
      proof: proof.id,
      hotkey: proof.hotkey,
      block: 1000,
      at_ms: Date.now(),
      result: 'valid' as const,
      text: 'checked',
      simulated: true,
      gpus: valid ? proof.gpus.map(({ uuid, model }) => ({ uuid, model })) : [],
      measured: null,
      confidence: null,
      runner_up: null,
      flags: [],
      bundle: null,
      ...o,
    }
    return { ...content, signature: o.signature ?? signatureOf(this, verdictStatement(content)) }
  }
}

/** An admitted validator. */
export async function validatorAt(edge: TestEdge): Promise<WireValidator> {
  const validator = new WireValidator(edge)
  const { status } = await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: validator.hotkey, role: 'validator' })
  if (status >= 300) throw new Error(`not admitted: ${status}`)
  return validator
}

/** Opened, and its container runs. */
export async function readyProof(validator: WireValidator, miner: WireMiner): Promise<Told> {
  const { id, http, detail } = await validator.open(miner.hotkey)
  if (http !== 201) throw new Error(`not opened: ${http} ${detail}`)
  await miner.obey()
  return validator.look(id)
}

/** The whole way: opened, proved, closed, and gone. */
export async function proved(validator: WireValidator, miner: WireMiner, o: Partial<ProofVerdict> = {}): Promise<Told> {
  const proof = await readyProof(validator, miner)
  await validator.go(proof.id)
  await validator.committed(proof.id)
  const closed = await validator.close(proof, o)
  await miner.obey()
  return closed
}
