import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { computeMiner } from '../../../test/support/compute-miner.ts'
import { MemoryEngine } from '../../../test/support/driver.ts'
import { toConfig } from '../../core/common-settings.ts'
import { generateHotkey } from '../../core/hotkey.ts'
import { hidePassword, passwordVariables } from '../../core/wallet/password.ts'
import { readSettings, buildCommand } from '../../core/settings.ts'
import { SETTINGS } from '../config.ts'
import { runCommand } from './index.ts'
import { flags, quoted } from './install.ts'

const systemd = (() => {
  try {
    execFileSync('systemd-analyze', ['--version'])
    return true
  } catch {
    return false
  }
})()

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'install-'))
  await generateHotkey(join(dir, 'hotkey'))
})
afterAll(() => rm(dir, { recursive: true }))

const given = () => ['--edge', `https://edge.example#${'A'.repeat(43)}`, '--address', 'gpu1.example', '--images', 'a/b:1', '--hotkey-file', join(dir, 'hotkey')]
const install = (...argv: string[]) => computeMiner(new MemoryEngine().driver(), 'install', ...argv)

describe('compute miner install', () => {
  it('writes a unit and says what to do next', async () => {
    const unit = join(dir, 'compute-miner.service')
    const { code, out } = await install(...given(), '--simulate-gpu', 'NVIDIA H200:8', '--metrics', '9101', '--unit', unit)
    expect(code).toBe(0)
    expect(out).toContain('systemctl daemon-reload\n  systemctl enable --now compute-miner')
    const text = await readFile(unit, 'utf8')
    expect(text).toMatch(/^ExecStart=\/\S+ (--\S+ )+\/\S+node-agents\/main\.ts miner --edge "https:\/\/edge\.example#A{43}" .*--metrics 127\.0\.0\.1:9101/m)
    for (const line of ['Restart=always', 'KillMode=mixed', 'NoNewPrivileges=yes', 'WantedBy=multi-user.target']) expect(text).toContain(`\n${line}\n`)
    expect(text, 'the engine must see what it mounts, nvidia-smi the cards').not.toMatch(/^(Private|ProtectSystem|DevicePolicy|ProtectClock|ExecStop)/m)
    expect(await install(...given(), '--simulate-gpu', 'NVIDIA H200:8', '--metrics', '9101', '--print')).toEqual({ code: 0, out: text.trimEnd() })
    if (systemd) expect((await promisify(execFile)('systemd-analyze', ['verify', unit])).stderr).toBe('')
  })

  it('names every flag that is missing or wrong, and a hotkey that is not there', async () => {
    await expect(install('--print', '--ports', 'many')).rejects.toThrow(
      /--edge is missing[^]*--address is missing[^]*--ports cannot be "many"[^]*--images is missing/,
    )
    await expect(install(...given(), '--hotkey-file', join(dir, 'absent'), '--unit', join(dir, 'never'))).rejects.toThrow(/absent/)
    await expect(readFile(join(dir, 'never'))).rejects.toThrow('ENOENT')
  })

  it('never asks for the password of a hotkey, as nobody can be asked at boot, and says where it belongs', async () => {
    const { files, password } = JSON.parse(await readFile(join(import.meta.dirname, '../../../test/vectors/wallets.json'), 'utf8')) as {
      files: Record<string, string>
      password: string
    }
    const path = join(dir, 'encrypted')
    await writeFile(path, Buffer.from(files['vault'] ?? '', 'base64'), { mode: 0o600 })
    const unit = join(dir, 'encrypted.service')
    const argv = [...given(), '--hotkey-file', path, '--unit', unit]
    await expect(install(...argv)).rejects.toThrow(/encrypted.*no terminal.*export BT_PW_/s)
    const variable = passwordVariables(path).at(-1) ?? ''
    const said: string[] = []
    const hands = {
      env: { [variable]: hidePassword(password, variable) },
      out: (text: string) => said.push(text),
      makeDriver: () => new MemoryEngine().driver(),
    }
    await runCommand('install', argv, hands)
    expect(said.join('\n')).toContain(`put it into /etc/compute-miner.env (mode 0600) as a line ${variable}=…`)
    expect(await readFile(unit, 'utf8')).toContain('\nEnvironmentFile=-/etc/compute-miner.env\n')
  })

  it('gives the agent back every setting it was given', () => {
    const all = [
      ...given(),
      '--max-cpus',
      '3',
      '--max-memory-gb',
      '1.5',
      '--prepull',
      'no',
      '--metrics',
      '[::1]:1',
      '--missing-after',
      '7',
      '--disk-reserve-gb',
      '5',
      '--networks',
      '198.18.0.0/16',
      '--dns',
      '9.9.9.9',
      '--axon-ip',
      '203.0.113.7',
      '--chain',
      'ws://127.0.0.1:9944,wss://a.example',
      '--state',
      '/s t',
    ]
    const read = (argv: string[]) => {
      const values = readSettings(buildCommand('x', 'x', SETTINGS), SETTINGS, argv, {})
      return values && toConfig(values)
    }
    const config = read([
      ...all,
      '--simulate-gpu',
      'A B:2:1000',
      '--bind',
      '127.0.0.1',
      '--ports',
      '20000-20010',
      '--docker',
      '/d.sock',
      '--log-level',
      'debug',
    ])
    if (!config) throw new Error('no config')
    const again = flags({ node: '', main: '', config })
    expect(read(again)).toEqual(config)
    const resolved = Object.values(SETTINGS)
      .map((s) => s.flag)
      .filter((flag) => !flag.startsWith('--wallet.')) // they became --hotkey-file
    expect(again.filter((word) => word.startsWith('--')).sort()).toEqual(resolved.sort())
  })

  it.each([
    ['plain-1.2/x:y@z', 'plain-1.2/x:y@z'],
    ['a b', '"a b"'],
    ['50%', '"50%%"'],
    ['$HOME', '"$$HOME"'],
    ['say "x\\y"', '"say \\"x\\\\y\\""'],
  ])('systemd reads %j as it stands', (word, inUnit) => expect(quoted(word)).toBe(inUnit))
})
