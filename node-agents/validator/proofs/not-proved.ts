/** Nothing could be proved, for a reason that lies with the miner. The message is for people. */
export class NotProved extends Error {
  /** The other side could not be reached: that may be this machine's own network as well. */
  readonly unreachable: boolean
  constructor(message: string, { unreachable = false, cause }: { unreachable?: boolean; cause?: unknown } = {}) {
    super(message, { cause })
    this.name = 'NotProved'
    this.unreachable = unreachable
  }
}
