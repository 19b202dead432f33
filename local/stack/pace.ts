/** From block to block on the chain of a stack. */
export const BLOCK_MS = 1000
