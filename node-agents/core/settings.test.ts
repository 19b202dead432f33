import { describe, expect, it } from 'vitest'
import { SETTINGS } from '../miner/config.ts'
import { toConfig } from './common-settings.ts'
import { buildCommand, readSettings } from './settings.ts'

const PIN = 'A'.repeat(43)
const command = () => buildCommand('compute miner', 'Rent out the GPUs of this host', SETTINGS)
const NEEDED = ['--edge', `https://edge.example#${PIN}`, '--address', 'host.example', '--images', 'a:1,b/c:2']
const read = (argv: string[], env: Record<string, string> = {}) => readSettings(command(), SETTINGS, argv, env)

describe('settings of a miner', () => {
  it.each(Object.entries(SETTINGS))('%s stands in --help with its variable, default and a text', (_, s) => {
    const help = command().configureHelp({ helpWidth: 1000 }).helpInformation()
    const line = help.split('\n').find((l) => l.trimStart().startsWith(`${s.flag} ${s.value}`))
    expect(line).toContain(s.help)
    expect(line).toContain(`env: ${s.env}`)
    if (s.default !== null) expect(line).toContain(`default: ${s.default}`)
  })

  it('has a default that it accepts itself, for every setting that has one', () => {
    for (const s of Object.values(SETTINGS)) if (s.default !== null) expect(s.parse.safeParse(s.default).success, s.flag).toBe(true)
  })

  it('takes flags before the environment before defaults', () => {
    const values = read([...NEEDED, '--ports', '30000-30010'], { COMPUTE_PORTS: '40000-40010', COMPUTE_LOG_LEVEL: 'debug', COMPUTE_BIND: '' })
    expect(values).toMatchObject({ ports: { first: 30_000, last: 30_010 }, logLevel: 'debug', bind: '0.0.0.0', images: ['a:1', 'b/c:2'] })
    expect(values).toMatchObject({ edge: { url: 'https://edge.example', pin: PIN }, simulateGpu: null, docker: '/var/run/docker.sock' })
  })

  it('finds the hotkey in a wallet unless a file is named', () => {
    const wallet = read([...NEEDED, '--wallet.path', '/w', '--wallet.name', 'n', '--wallet.hotkey', 'h'])
    const file = read([...NEEDED, '--hotkey-file', '/f'])
    expect(wallet && toConfig(wallet).hotkeyFile).toBe('/w/n/hotkeys/h')
    expect(file && toConfig(file).hotkeyFile).toBe('/f')
  })

  it('is on the public network unless another chain is named, or none', () => {
    const chain = (...argv: string[]) => read([...NEEDED, ...argv])?.chain
    expect(chain()).toMatchObject({ name: 'finney', genesis: expect.stringMatching(/^0x[0-9a-f]{64}$/) })
    expect(chain('--chain', 'ws://127.0.0.1:9944, wss://a.example')).toMatchObject({ endpoints: ['ws://127.0.0.1:9944', 'wss://a.example'], genesis: null })
    expect(chain('--chain', 'none')).toBeNull()
  })

  it.each([
    [['--edge', 'nonsense'], /--edge cannot be "nonsense".*registration string/],
    [['--edge', `http://edge.example#${PIN}`], /--edge.*use https/],
    [['--edge', 'https://edge.example'], /--edge.*43 characters/],
    [['--edge', `https://edge.example/path#${PIN}`], /--edge.*only scheme, host and port/],
    [['--ports', '1-2'], /--ports.*such as 20000-29999/],
    [['--ports', '29999-20000'], /--ports/],
    [['--images', 'UPPER:1'], /--images.*image reference/],
    [['--bind', 'localhost'], /--bind.*IP address/],
    [['--address', '-oProxyCommand=x'], /--address.*host name/],
    [['--simulate-gpu', 'H200'], /--simulate-gpu.*such as "NVIDIA H200:8"/],
    [['--simulate-gpu', 'H200:65'], /--simulate-gpu.*1 to 64/],
    [['--max-cpus', '0'], /--max-cpus.*above 0/],
    [['--docker', 'tcp://1.2.3.4'], /--docker.*Unix socket/],
    [['--chain', 'finey'], /--chain cannot be "finey": give finney, test, .*WebSocket URLs/],
    [['--chain', 'https://node.example'], /--chain.*wss:/],
    [['--netuid', '65536'], /--netuid.*number of a subnet/],
    [['--netuid', '0'], /--netuid.*number of a subnet/],
    [['--axon-ip', 'host.example'], /--axon-ip.*IP address/],
    [['--axon-port', '0'], /--axon-port.*1 to 65535/],
    [['--axon-port', '65536'], /--axon-port.*1 to 65535/],
    [['--log-level', 'loud'], /--log-level.*one of fatal/],
    [['--nope'], /unknown option '--nope'.*--help/],
    [['surplus'], /--help/],
  ])('%j is named with its fix', (argv, message) => {
    expect(() => read([...NEEDED, ...argv])).toThrow(expect.objectContaining({ name: 'Mistake', message: expect.stringMatching(message) }))
  })

  it('names the variable when the wrong value came from there', () => {
    expect(() => read(NEEDED, { COMPUTE_PORTS: 'x' })).toThrow(/^COMPUTE_PORTS \(or --ports\)/)
  })

  it.each(['--edge', '--address', '--images'])('%s is missed when it is missing', (flag) => {
    const at = NEEDED.indexOf(flag)
    expect(() => read(NEEDED.toSpliced(at, 2))).toThrow(new RegExp(`^${flag} is missing: `))
  })

  it('takes plain http on this machine', () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]'])
      expect(read([...NEEDED, '--edge', `http://${host}:8787#${PIN}`])?.edge.url).toBe(`http://${host}:8787`)
  })
})
