/** The open subscriptions of one socket. */
export type Send = (message: unknown) => void

/** What a subscription is about; `update` is the name its messages carry. */
export type Topic = 'newHead' | 'allHead' | 'finalizedHead' | 'storage' | 'runtimeVersion' | 'extrinsic'

const UPDATE: Record<Topic, string> = {
  newHead: 'chain_newHead',
  allHead: 'chain_allHead',
  finalizedHead: 'chain_finalizedHead',
  storage: 'state_storage',
  runtimeVersion: 'state_runtimeVersion',
  extrinsic: 'author_extrinsicUpdate',
}

export type Subscription = { id: string; topic: Topic; keys: string[] }

export class Subscriptions {
  readonly #send: Send
  readonly #open = new Map<string, Subscription>()

  constructor(send: Send) {
    this.#send = send
  }

  open(topic: Topic, keys: string[] = []): Subscription {
    const subscription = { id: randomId(), topic, keys }
    this.#open.set(subscription.id, subscription)
    return subscription
  }

  /** Whether it was open. */
  close(id: string): boolean {
    return this.#open.delete(id)
  }

  of(topic: Topic): Subscription[] {
    return [...this.#open.values()].filter((subscription) => subscription.topic === topic)
  }

  push({ id, topic }: Subscription, result: unknown): void {
    if (this.#open.has(id)) this.#send({ jsonrpc: '2.0', method: UPDATE[topic], params: { subscription: id, result } })
  }

  /** After the reply that names the subscription. */
  pushLater(subscription: Subscription, result: () => unknown): void {
    setImmediate(() => this.push(subscription, result()))
  }
}

/** As nodes make them: 16 letters and digits. */
function randomId(): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => letters[n % letters.length]).join('')
}
