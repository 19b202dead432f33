/** Flags of Node under which an agent runs, here and in the `compute` script: idle, it should weigh little on the host it rents out. */
export const AGENT_FLAGS = ['--max-semi-space-size=1', '--optimize-for-size']
