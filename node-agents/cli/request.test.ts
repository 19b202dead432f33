import { expect, test } from 'vitest'
import { allocateInput } from '../../schema/index.ts'
import { request } from './request.ts'

const asked = { gpus: '2', hours: '1.5' }
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDJ1Qn2VbRPWUDM4zWdSMSNdW1f4kQj8MeJvWUhSjbXB'

test('options become a request the API takes', () => {
  const made = request({ ...asked, model: 'h200', minVram: '80', env: ['A=b=c', 'E='], init: ['["echo","$HOME; rm"]'], name: 'n' }, [key])
  expect(allocateInput.parse(made)).toMatchObject({
    gpu: { count: 2, model: 'h200', min_vram_gb: 80 },
    lease_hours: 1.5,
    env: { A: 'b=c', E: '' },
    init: [['echo', '$HOME; rm']],
    ssh_keys: [key],
    name: 'n',
  })
  expect(request({ ...asked, gpus: 'all' }, [key]).gpu).toEqual({ count: 'all' })
})

test.each([
  [{ gpus: 'many' }, /^--gpus "many"/],
  [{ gpus: '-1' }, /^--gpus/],
  [{ hours: '1h' }, /^--hours "1h"/],
  [{ minVram: 'x' }, /^--min-vram/],
  [{ env: ['NOVALUE'] }, /^--env "NOVALUE": give NAME=value/],
  [{ env: ['=x'] }, /^--env/],
  [{ init: ['echo hi'] }, /^--init .* JSON array/],
  [{ init: ['[1]'] }, /^--init/],
  [{ init: ['[]'] }, /^--init/],
])('%j is refused with the option named', (wrong, message) => expect(() => request({ ...asked, ...wrong }, [key])).toThrow(message))
