/** `compute`: the agents are reached by their name, everything else is the command line for people. */
const [room, ...rest] = process.argv.slice(2)
if (room === 'miner') {
  const { minerMain } = await import('./miner/main.ts')
  process.exitCode = await minerMain(rest)
} else {
  const { cliMain } = await import('./cli/main.ts')
  process.exitCode = await cliMain(process.argv.slice(2))
}
