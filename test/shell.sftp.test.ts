import ssh2, { type SFTPWrapper } from 'ssh2'
import { describe, expect, test } from 'vitest'
import type { SshLogin } from '../node-agents/core/ports.ts'
import { idOf, inner, type SshHostOptions } from './support/hosts.ts'
import { alive, codeOf, hello, loggedIn, patience, soon } from './support/shells.ts'
import { until } from './support/until.ts'

const sftpServer = (act: (sftp: SFTPWrapper) => void): SshHostOptions => ({
  session: (session) => session.on('sftp', (accept) => act(accept())).on('exec', (accept) => hello(accept())),
})

describe('SFTP of a hostile host', () => {
  const upload = (login: SshLogin, signal: AbortSignal) => login.upload('/tmp/x/file', Buffer.alloc(100_000), signal)
  const { STATUS_CODE } = ssh2.utils.sftp
  /** Bytes on the channel that SFTP is on, of no packet. */
  const noise = (sftp: SFTPWrapper, bytes: number[]) => inner(sftp)._protocol.channelData(idOf(sftp), Buffer.from(bytes))
  const willing = (sftp: SFTPWrapper) => sftp.on('MKDIR', (id) => sftp.status(id, STATUS_CODE.OK))
  const opening = (sftp: SFTPWrapper) => willing(sftp).on('OPEN', (id) => sftp.handle(id, Buffer.from('h')))

  test.each<[string, SshHostOptions, string[]]>([
    ['is not there', { session: (session) => session.on('sftp', (_accept, reject) => reject()) }, ['no_sftp']],
    ['never answers', { session: (session) => session.on('sftp', () => undefined) }, ['timeout']],
    ['answers no request', sftpServer((sftp) => sftp.on('MKDIR', () => undefined)), ['timeout']],
    ['makes the folder, and then sleeps', sftpServer((sftp) => willing(sftp).on('OPEN', () => undefined)), ['timeout']],
    ['opens the file, and then sleeps', sftpServer((sftp) => opening(sftp).on('WRITE', () => undefined)), ['timeout']],
    [
      'takes the file, and never closes it',
      sftpServer((sftp) =>
        opening(sftp)
          .on('WRITE', (id) => sftp.status(id, STATUS_CODE.OK))
          .on('CLOSE', () => undefined),
      ),
      ['timeout'],
    ],
    ['says no', sftpServer((sftp) => willing(sftp).on('OPEN', (id) => sftp.status(id, STATUS_CODE.PERMISSION_DENIED))), ['failed']],
    ['has no room', sftpServer((sftp) => opening(sftp).on('WRITE', (id) => sftp.status(id, STATUS_CODE.FAILURE, 'no space'))), ['failed']],
    ['ends at once', sftpServer((sftp) => sftp.end()), ['no_sftp', 'broken', 'failed']],
    ['ends in the middle', sftpServer((sftp) => opening(sftp).on('WRITE', () => sftp.end())), ['broken', 'failed']],
    ['sends a packet of 4 GB', sftpServer((sftp) => sftp.on('MKDIR', () => noise(sftp, [0xff, 0xff, 0xff, 0xff, 1, 2, 3]))), ['broken', 'failed']],
    ['sends a packet of 2 GB', sftpServer((sftp) => sftp.on('MKDIR', () => noise(sftp, [0x7f, 0xff, 0xff, 0xff, 1, 2, 3]))), ['broken', 'failed']],
    ['sends an empty packet', sftpServer((sftp) => sftp.on('MKDIR', () => noise(sftp, [0, 0, 0, 0]))), ['broken', 'failed']],
    [
      'answers what nobody asked',
      sftpServer((sftp) => sftp.on('MKDIR', (id) => void (sftp.status(id + 77, 0), sftp.status(id + 78, 0)))),
      ['broken', 'failed', 'timeout'],
    ],
    ['answers with something else', sftpServer((sftp) => willing(sftp).on('OPEN', (id) => sftp.data(id, Buffer.from('x')))), ['broken', 'failed', 'timeout']],
  ])('that %s', async (_, options, codes) => {
    const login = await loggedIn(options)
    expect(codes).toContain(await codeOf(upload(login, codes.includes('timeout') ? soon() : patience())))
  })

  test('that is not there, or says no, leaves the login alive', async () => {
    const login = await loggedIn({ session: (s) => s.on('sftp', (_accept, reject) => reject()).on('exec', (accept) => hello(accept())) })
    expect(await codeOf(upload(login, patience()))).toBe('no_sftp')
    await alive(login)
  })

  test('that hangs is closed when the time is up, and the login lives', async () => {
    const closed: string[] = []
    const login = await loggedIn(sftpServer((sftp) => sftp.on('MKDIR', () => undefined).on('close', () => closed.push('closed'))))
    expect(await codeOf(upload(login, soon()))).toBe('timeout')
    await until('its end', () => closed.length > 0)
    await alive(login)
  })

  test('has its words shown short, and never as more than words', async () => {
    const login = await loggedIn(
      sftpServer((sftp) => sftp.on('MKDIR', (id) => sftp.status(id, 0)).on('OPEN', (id) => sftp.status(id, 4, `\u001b[2J${'x'.repeat(9000)}`))),
    )
    const error = await upload(login, patience()).catch((e: Error) => e)
    expect(error).toMatchObject({ code: 'failed' })
    // eslint-disable-next-line no-control-regex
    expect((error as Error).message).not.toMatch(/[\u0000-\u001f]/)
    expect((error as Error).message.length).toBeLessThan(400)
  })
})
