import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { boxDriver } from '../local/box/driver.ts'
import { newOwner, newSpec } from './support/container.ts'
import { hasOpenssh, opensshCopy, type Target } from './support/ssh.ts'

/** A library's client, which asks for what the usual clients do not. */
async function client(target: Target) {
  const it = new ssh2.Client()
  const { promise, resolve, reject } = Promise.withResolvers<ssh2.SFTPWrapper>()
  it.on('error', reject).on('ready', () => it.sftp((error, sftp) => (error ? reject(error) : resolve(sftp))))
  it.connect({ host: '127.0.0.1', port: target.port, username: 'root', privateKey: target.privateKey })
  const sftp = await promise
  const ask = <T>(what: (done: (error: Error | null | undefined, value?: T) => void) => void) =>
    new Promise<T>((give, fail) => what((error, value) => (error ? fail(error) : give(value as T))))
  return { sftp, ask, end: () => it.destroy() }
}

describe('SFTP of a box', () => {
  const owner = newOwner()
  let root: string
  let work: string
  let target: Target
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'box-'))
    work = join(root, 'work')
    await mkdir(work)
    const { spec, target: at } = await newSpec('any')
    const { port } = await boxDriver({ root }).run(owner, spec)
    target = { ...at, port }
  })
  afterEach(async () => {
    const driver = boxDriver({ root })
    for (const c of (await driver.list(owner)).containers) await driver.remove(owner, c)
    await rm(root, { recursive: true, force: true })
  })

  test('is what people who use sftp expect', async ({ skip }) => {
    if (!(await hasOpenssh())) skip('no OpenSSH client on this machine')
    const content = randomBytes(200_000)
    await writeFile(join(root, 'up'), content)
    await writeFile(join(work, 'old'), 'old')
    const batch = [
      `mkdir ${work}/new`,
      `put ${root}/up ${work}/new/up`,
      `chmod 640 ${work}/new/up`,
      `rename ${work}/new/up ${work}/new/there`,
      `get ${work}/new/there ${root}/down`,
      `ls -l ${work}`,
      `rm ${work}/old`,
      `-get ${work}/nothing ${root}/nothing`,
      `mkdir ${work}/gone`,
      `rmdir ${work}/gone`,
      'pwd',
    ]
    const { out, err } = await opensshCopy(target, batch)
    expect(err).toMatch(/not found/)
    expect(out).toMatch(/644 .*old/)
    expect((await readFile(join(root, 'down'))).equals(content)).toBe(true)
    expect(await readdir(work)).toEqual(['new'])
    expect((await stat(join(work, 'new', 'there'))).mode & 0o777).toBe(0o640)
    expect(out).toContain('Remote working directory: /')
  })

  test('names of a large folder all come, links are seen as links and followed', async () => {
    const { sftp, ask, end } = await client(target)
    const names = Array.from({ length: 300 }, (_, i) => `file-${i}`)
    for (const name of names) await writeFile(join(work, name), name)
    await symlink(join(work, 'file-7'), join(work, 'link'))
    const listed = await ask<{ filename: string }[]>((done) => sftp.readdir(work, done))
    expect(listed.map((e) => e.filename).sort()).toEqual([...names, 'link'].sort())
    const [link, linked] = await Promise.all([
      ask<ssh2.Stats>((done) => sftp.lstat(join(work, 'link'), done)),
      ask<ssh2.Stats>((done) => sftp.stat(join(work, 'link'), done)),
    ])
    expect([link.isSymbolicLink(), linked.isFile(), linked.size]).toEqual([true, true, 6])
    end()
  })

  test('writes where it is told, and sets size, mode and times of what is open', async () => {
    const { sftp, ask, end } = await client(target)
    const path = join(work, 'file')
    const handle = await ask<Buffer>((done) => sftp.open(path, 'w+', 0o600, done))
    await ask((done) => sftp.write(handle, Buffer.from('hello world'), 0, 11, 0, done))
    await ask((done) => sftp.write(handle, Buffer.from('W'), 0, 1, 6, done))
    await ask((done) => sftp.fsetstat(handle, { mode: 0o400, size: 9, atime: 1000, mtime: 2000 }, done))
    const stats = await ask<ssh2.Stats>((done) => sftp.fstat(handle, done))
    expect(stats).toMatchObject({ size: 9, mtime: 2000 })
    await ask((done) => sftp.close(handle, done))
    expect(await readFile(path, 'utf8')).toBe('hello Wor')
    end()
  })

  test('says no in the words of SFTP', async () => {
    const { sftp, ask, end } = await client(target)
    const { NO_SUCH_FILE, FAILURE, OP_UNSUPPORTED } = ssh2.utils.sftp.STATUS_CODE
    await writeFile(join(work, 'there'), '')
    const taken = ask((done) => sftp.rename(join(work, 'there'), join(work, 'there'), done))
    await expect(taken).rejects.toMatchObject({ code: FAILURE })
    await expect(ask((done) => sftp.open(join(work, 'none'), 'r', done))).rejects.toMatchObject({ code: NO_SUCH_FILE })
    await expect(ask((done) => sftp.open(join(work, 'there'), 'wx', done))).rejects.toMatchObject({ code: FAILURE })
    await expect(ask((done) => sftp.readdir(Buffer.from([9, 9, 9, 9]) as unknown as string, done))).rejects.toMatchObject({ code: FAILURE })
    await expect(ask((done) => sftp.symlink('a', join(work, 'b'), done))).rejects.toMatchObject({ code: OP_UNSUPPORTED })
    end()
  })
})
