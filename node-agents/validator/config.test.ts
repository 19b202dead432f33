import { describe, expect, it } from 'vitest'
import { hotkeyFromSeed } from '../core/hotkey.ts'
import { buildCommand, readSettings } from '../core/settings.ts'
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
