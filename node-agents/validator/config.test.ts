import { describe, expect, it } from 'vitest'
import { hotkeyFromSeed } from '../core/hotkey.ts'
import { buildCommand, readSettings } from '../core/settings.ts'
import { SETTINGS, validatorConfig } from './config.ts'
import { RULES } from './settings.ts'

const [a, b] = [1, 2].map((n) => hotkeyFromSeed(new Uint8Array(32).fill(n)).address) as [string, string]
const read = (...argv: string[]) => readSettings(buildCommand('compute validator', '', RULES), RULES, argv, {})

describe('who is left out, as an operator says it', () => {
  it('is nobody by default but the exploiters', () =>
    expect(read()).toEqual({ blacklistHotkeys: [], blacklistColdkeys: [], blacklistExploiters: true, minimumVersion: 183, versionQuorum: 60, burn: 0 }))

  it.each([['--blacklist-hotkeys'], ['--blacklist.hotkeys']])('%s takes a list', (flag) =>
    expect(read(flag, `${a}, ${b}`)).toMatchObject({ blacklistHotkeys: [a, b] }),
  )

  it.each([
    [['--blacklist-coldkeys', `${a},5Nobody`], /--blacklist-coldkeys cannot be .*no address: 5Nobody/],
    [['--burn', '1.5'], /--burn cannot be "1.5": a share from 0 to 1/],
    [['--version-quorum', '101'], /--version-quorum cannot be "101": at most 100/],
    [['--blacklist-exploiters', 'yes'], /on or off/],
  ])('%s is refused', (argv, why) => expect(() => read(...argv)).toThrow(why))

  it('is shown in --help by one name', () => expect(buildCommand('x', '', RULES).helpInformation()).not.toContain('--blacklist.hotkeys'))
})

it('a port to announce without an address is refused', () => {
  const of = (...argv: string[]) => validatorConfig(readSettingsOf(['--edge', `https://edge.example#${'A'.repeat(43)}`, '--prometheus-port', '9102', ...argv]))
  expect(() => of()).toThrow(/--prometheus-port alone.*--prometheus-ip/)
  expect(of('--prometheus-ip', '203.0.113.7')).toMatchObject({ prometheusIp: '203.0.113.7', prometheusPort: 9102 })
})

function readSettingsOf(argv: string[]) {
  const values = readSettings(buildCommand('compute validator', '', SETTINGS), SETTINGS, argv, {})
  if (!values) throw new Error('help was asked for')
  return values
}
