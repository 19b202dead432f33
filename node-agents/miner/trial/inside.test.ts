import { describe, expect, it } from 'vitest'
import type { Container, Driver, Owner } from '../../core/ports.ts'
import { pythonInside } from './inside.ts'

/** A container whose Python says this of itself. */
const inside = (output: string, simulated: boolean, exitCode = 0) => {
  const driver = { exec: async () => ({ exitCode, output }) } as unknown as Driver
  return pythonInside({ driver, owner: {} as Owner, container: {} as Container, python: 'python3', simulated })
}

describe('the Python of an image', () => {
  it.each([
    ['3.9.0 torch numpy\n', false, 'ok'],
    ['3.12.1 torch\n', false, 'ok'],
    ['3.9.2\n', true, 'warn'],
    ['3.13.0 numpy\n', true, 'warn'],
    ['3.13.0 numpy\n', false, 'fail'],
    ['3.8.19 torch\n', false, 'fail'],
    ['2.7.18 torch\n', true, 'fail'],
    ['', true, 'fail'],
  ])('that says %j, with simulated cards %j: %s', async (output, simulated, status) => {
    expect(await inside(output, simulated)).toMatchObject({ status })
  })

  it('that does not run fails with its own words, on one line', async () => {
    const { status, says } = await inside('Traceback:\n  no module named\u001b[31m json\n', true, 1)
    expect(status).toBe('fail')
    expect(says).toMatch(/no module named.*json$/)
    expect(says).not.toMatch(/[\n\u001b]/)
  })
})
