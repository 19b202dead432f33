import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Beside the code, so that only who may change the code may change what is cached. The second start is lighter by the weight of the type stripper.
enableCompileCache(fileURLToPath(new URL('../.build/compiled', import.meta.url)))

// Whoever reads our output may have seen enough, as `| head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** `compute`: the agents are reached by their name, everything else is the command line for people. */
const [room, ...rest] = process.argv.slice(2)
if (room === 'miner') {
  const { minerMain } = await import('./miner/main.ts')
  process.exitCode = await minerMain(rest)
} else if (room === 'validator') {
  const { validatorMain } = await import('./validator/main.ts')
  process.exitCode = await validatorMain(rest)
} else if (room === 'weights') {
  // What a validator's operator asks for most, without the name of the agent.
  const { validatorMain } = await import('./validator/main.ts')
  process.exitCode = await validatorMain([room, ...rest])
} else if (room === 'proof' && rest[0] === 'run') {
  // It makes a container on this host, as the agent there does.
  const { minerMain } = await import('./miner/main.ts')
  process.exitCode = await minerMain([room, ...rest.slice(1)])
} else {
  const { cliMain } = await import('./cli/main.ts')
  process.exitCode = await cliMain(process.argv.slice(2))
}
