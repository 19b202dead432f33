import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Driver } from '../../node-agents/core/ports.ts'

/** What a host may have in the place of python3, by what it does. All but the first are lies. */

/** A python3 that is the real one with a man in the middle: this line of Node stands between the validator's commands and the script. */
const between = (change: string) => `#!${process.execPath}
const { spawn } = require('node:child_process')
const { delimiter, dirname } = require('node:path')
const { createInterface } = require('node:readline')
const PATH = process.env.PATH.split(delimiter).filter((at) => at !== dirname(__filename)).join(delimiter)
const child = spawn('python3', process.argv.slice(2), { stdio: ['pipe', 'inherit', 'inherit'], env: { ...process.env, PATH } })
const commands = createInterface({ input: process.stdin })
commands.on('line', (line) => child.stdin.write(${change} + '\\n'))
commands.on('close', () => child.stdin.end())
child.on('exit', (code) => process.exit(code ?? 1))
`

/** What the subnet's earlier script prints for matrices of 2 x 2, while it says that they are of 16384 x 16384 and took no time. */
const FORGED = `#!/bin/sh
cat <<END
1 137.44 16384 0.000010 16384 0.000020
Root hashes: [[0, "$(printf %064d 1)"]]
Timings: [[0, {"generation_time": 0.000001, "n": 16384, "multiplication_time": 0.000001, "transfer_back_time": 0.000001, "merkle_tree_time": 0.000001}]]
END
exec sleep 600
`

export const HOSTILE = {
  garbage: '#!/bin/sh\nexec head -c 3000000 /dev/urandom\n',
  sleeper: '#!/bin/sh\nexec sleep 3600\n',
  quitter: '#!/bin/sh\nexit 3\n',
  /** All that it says was worked out for another seed. */
  replayer: between(`line.replace(/"seed":"[0-9a-f]{64}"/, '"seed":"' + '5a'.repeat(32) + '"')`),
  /** Works on matrices of a quarter of the size. */
  smaller: between(`line.replace(/"(n|w)":(\\d+)/g, (_, name, size) => '"' + name + '":' + size / 2)`),
  forger: FORGED,
} as const
export type Hostile = keyof typeof HOSTILE

/** Puts a python3 of this kind in front of the real one for whoever logs in on this host, as its owner could. */
export async function hostWith(kind: Hostile, folder: string): Promise<(driver: Driver) => Driver> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'python3'), HOSTILE[kind])
  await chmod(join(folder, 'python3'), 0o700)
  const PATH = `${folder}:${process.env['PATH'] ?? ''}`
  return (driver) => ({
    ...driver,
    run: (owner, spec, signal, onCreated) => driver.run(owner, { ...spec, env: { ...spec.env, PATH } }, signal, onCreated),
  })
}
