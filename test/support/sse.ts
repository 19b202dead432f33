import type { EventView } from '../../schema/index.ts'

/** One reader of a stream of events, as bytes come over the wire. */
export class Stream {
  /** Everything that was sent, comments too. */
  text = ''
  readonly events: EventView[] = []
  /** Of the last message that had one. */
  lastId = ''
  readonly response: Response
  readonly ended: Promise<void>
  private readonly abort: AbortController

  private constructor(response: Response, abort: AbortController) {
    this.response = response
    this.abort = abort
    this.ended = this.read()
  }

  static async open(url: string, key: string, headers: Record<string, string> = {}): Promise<Stream> {
    const abort = new AbortController()
    const response = await fetch(url, { signal: abort.signal, headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream', ...headers } })
    return new Stream(response, abort)
  }

  /** Drops the line, as a network would. */
  async drop(): Promise<void> {
    this.abort.abort()
    await this.ended
  }

  private async read(): Promise<void> {
    let rest = ''
    try {
      for await (const text of this.response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        this.text += text
        const blocks = (rest + text).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) this.take(block)
      }
    } catch (error) {
      if (!this.abort.signal.aborted) throw error
    }
  }

  private take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
    this.lastId = field('id') ?? this.lastId
    const data = field('data')
    if (data === undefined) return
    const event = JSON.parse(data) as EventView
    if (field('event') !== event.kind || this.lastId !== String(event.id)) throw new Error(`fields and data disagree: ${block}`)
    this.events.push(event)
  }
}
