import { describe, expect, test } from 'vitest'
import { isOlder, toolkitVersion } from './gpu.ts'
import { gatewayOf, judge } from './network.ts'

describe('reading what tools say', () => {
  test.each([
    ['NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80', [1, 17, 8], false],
    ['NVIDIA Container Toolkit CLI version 1.17.7', [1, 17, 7], true],
    ['NVIDIA Container Toolkit CLI version 1.18.0', [1, 18, 0], false],
    ['NVIDIA Container Toolkit CLI version 1.9.12', [1, 9, 12], true],
  ])('%s', (output, version, old) => {
    expect(toolkitVersion(output)).toEqual(version)
    expect(isOlder(version, [1, 17, 8])).toBe(old)
  })

  test('no version is none', () => expect(toolkitVersion('command not found')).toBeNull())

  test('the gateway of a container', () => {
    expect(gatewayOf('Iface\tDestination\tGateway \tFlags\neth0\t00000000\t010012C6\t0003\t0\n')).toBe('198.18.0.1')
    expect(gatewayOf('')).toBeNull()
  })

  test.each([
    ['127.0.0.11:53 open\n1.2.3.4:5 closed\n169.254.169.254:80 closed', 'ok'],
    ['127.0.0.11:53 open\n1.2.3.4:5 open\n169.254.169.254:80 closed', 'fail'],
    ['127.0.0.11:53 open\n1.2.3.4:5 closed\n169.254.169.254:80 open', 'fail'],
    ['127.0.0.11:53 closed\n1.2.3.4:5 closed\n169.254.169.254:80 closed', 'warn'],
    ['127.0.0.11:53 open\n169.254.169.254:80 closed\n10.0.0.1:53 closed', 'warn'],
    ['', 'warn'],
  ])('%j is %s', (output, status) => expect(judge(output, ['1.2.3.4:5']).status).toBe(status))
})
