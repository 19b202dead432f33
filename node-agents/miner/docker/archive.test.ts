import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { extract } from 'tar-stream'
import { expect, test } from 'vitest'
import { sshArchive } from './archive.ts'

test('holds what sshd needs, root’s, with the modes it insists on', async () => {
  const tar = extract()
  Readable.from([await sshArchive({ keys: 'ssh-ed25519 AAAA\n', env: { A: 'b' } }, 'PRIVATE\n', [])]).pipe(tar)
  const seen: Record<string, string> = {}
  for await (const entry of tar) {
    const { name, mode = 0, uid, gid } = entry.header
    seen[name] = `${mode.toString(8)} ${uid}:${gid} ${(await text(entry)).split('\n')[0]}`
  }
  expect(seen).toEqual({
    'run/sshd': '755 0:0 ',
    'etc/compute/sshd_config': '600 0:0 Port 22',
    'etc/compute/host_key': '600 0:0 PRIVATE',
    'etc/compute/authorized_keys': '644 0:0 ssh-ed25519 AAAA',
    'etc/profile.d/zz-compute.sh': '644 0:0 PATH=${COMPUTE_PATH:-$PATH}',
  })
})
