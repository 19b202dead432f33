import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { ChainControl } from '../../local/chain/control.ts'
import { startChain } from '../../local/chain/start.ts'
import { ACCOUNTS } from '../../local/chain/subtensor/genesis.ts'
import { query } from '../support/polkadot.ts'
import { Program, run } from '../support/process.ts'
import { raw } from './devchain.contract.ts'
import { withChain } from '../support/devchain.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'devchain-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the state of the development chain', () => {
  test('survives: the chain goes on where it was final', async () => {
    const stateFile = join(folder, 'survives')
    const genesis = await withChain({ blockMs: 'manual', stateFile }, async ({ api, control }) => {
      await control.hyperparameter(27, 'Tempo', 77)
      await control.advance(3)
      await control.upgrade()
      await control.advance()
      await control.newBlocks(2) // never final
      return api.genesisHash.toHex()
    })
    await withChain({ blockMs: 'manual', stateFile }, async ({ api, control }) => {
      expect(api.genesisHash.toHex()).toBe(genesis)
      expect(api.runtimeVersion.specVersion.toNumber()).toBe(426)
      expect((await api.rpc.chain.getHeader()).number.toNumber()).toBe(5)
      const now = await api.at(await api.rpc.chain.getBlockHash())
      expect((await now.query['subtensorModule']?.['tempo']?.(27))?.toJSON()).toBe(77)
      expect((await control.advance()).number).toBe(6)
      expect((await query(api, 'system.blockHash')(5)).toHex()).toBe((await api.rpc.chain.getBlockHash(5)).toHex())
    })
  })

  test('survives a kill while it is written', async () => {
    const stateFile = join(folder, 'torn')
    await withChain({ blockMs: 'manual', stateFile }, async ({ control }) => void (await control.advance(2)))
    appendFileSync(stateFile, '0123456789abcdef {"hash":"0x')
    await withChain({ blockMs: 'manual', stateFile }, async ({ control }) => expect((await control.advance()).number).toBe(3))
  })

  test('is refused when it is damaged, with what to do', async () => {
    const stateFile = join(folder, 'damaged')
    await withChain({ blockMs: 'manual', stateFile }, async ({ control }) => void (await control.advance(2)))
    writeFileSync(stateFile, readFileSync(stateFile, 'utf8').replace('"number":1', '"number":7'))
    await expect(startChain({ blockMs: 'manual', stateFile })).rejects.toThrow(/damaged, is damaged: line 2.*Move it away/)
  })
})

describe('a state file that is in use', () => {
  test('is left alone by whoever comes second, whatever else that one lacks', async () => {
    const stateFile = join(folder, 'shared')
    const last = await withChain({ blockMs: 'manual', stateFile }, async ({ control, url }) => {
      await control.advance()
      await expect(startChain({ blockMs: 'manual', stateFile })).rejects.toThrow(/another development chain uses .*shared/)
      const second = await run('local/chain/main.ts', ['--block-ms', 'manual', '--state', stateFile, '--port', new URL(url).port])
      expect(second).toMatchObject({ code: 2, err: expect.stringContaining('--state') })
      return await control.advance()
    })
    await withChain({ blockMs: 'manual', stateFile }, async ({ api }) => {
      expect((await api.rpc.chain.getFinalizedHead()).toHex()).toBe(last.hash)
    })
  })

  test('is free again when its chain could not listen', async () => {
    const stateFile = join(folder, 'free')
    await withChain({ blockMs: 'manual' }, async ({ url }) => {
      await expect(startChain({ blockMs: 'manual', stateFile, port: Number(new URL(url).port) })).rejects.toThrow(/--port/)
    })
    await withChain({ blockMs: 'manual', stateFile }, async ({ control }) => expect((await control.advance()).number).toBe(1))
  })
})

function started(args: string[]): Program {
  const program = new Program('local/chain/main.ts', args)
  onTestFinished(() => void program.child.kill('SIGKILL'))
  return program
}

describe('the development chain as a program', () => {
  test('says where it listens, and ends when told to', async () => {
    const program = started(['--block-ms', 'manual', '--state', join(folder, 'program')])
    const { url } = JSON.parse(await until('the URL', () => program.out.split('\n')[0])) as { url: string }
    expect(await new ChainControl(url).get('SubtensorModule.Uids', 27, ACCOUNTS['//Ferdie'])).toBe(6)
    expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+$/)
    const taken = await run('local/chain/main.ts', ['--block-ms', 'manual', '--port', new URL(url).port])
    expect(taken).toMatchObject({ code: 2, err: expect.stringContaining('--port') })
    program.child.kill('SIGTERM')
    expect((await program.ended).code).toBe(0)
  })

  test('goes on after a kill, never behind what was final', async () => {
    const args = ['--block-ms', '50', '--state', join(folder, 'killed')]
    const final = async (url: string) => {
      const hash = ((await raw(url, '{"jsonrpc":"2.0","id":1,"method":"chain_getFinalizedHead"}')) as { result: string }).result
      const header = (await raw(url, `{"jsonrpc":"2.0","id":1,"method":"chain_getHeader","params":["${hash}"]}`)) as { result: { number: string } }
      return { hash, number: Number(header.result.number) }
    }
    const start = async () => {
      const program = started(args)
      const { url } = JSON.parse(await until('the URL', () => program.out.split('\n')[0], 30_000)) as { url: string }
      return { program, url }
    }
    const first = await start()
    const seen = await until('some blocks are final', async () => {
      const now = await final(first.url)
      return now.number > 5 ? now : null
    })
    first.program.child.kill('SIGKILL')
    await first.program.ended
    const second = await start()
    const hash = await raw(second.url, `{"jsonrpc":"2.0","id":1,"method":"chain_getBlockHash","params":[${seen.number}]}`)
    expect(hash).toMatchObject({ result: seen.hash })
    await until('it goes on', async () => (await final(second.url)).number > seen.number + 5)
    second.program.child.kill('SIGTERM')
    expect((await second.program.ended).code).toBe(0)
  })

  test.each([
    [['--block-ms', 'soon'], '--block-ms'],
    [['--netuid', '0'], '--netuid'],
    [['--commit-reveal', 'maybe'], '--commit-reveal'],
    [['--register', 'perhaps'], '--register'],
    [['--colour', 'red'], '--colour'],
  ])('refuses %j', async (args, named) => {
    expect(await run('local/chain/main.ts', args)).toMatchObject({ code: 2, err: expect.stringContaining(named) })
  })
})
