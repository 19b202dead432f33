import { describe, expect, test } from 'vitest'
import { DriverError } from '../../core/ports.ts'
import { driverError, givenUp } from './errors.ts'

/** As the SDK throws: its own text around the engine's, which stands in `json`. */
const answer = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) no such container - ${message} `), { statusCode, json: { message } })
const system = (code: string) => Object.assign(new Error(`connect ${code} /var/run/docker.sock`), { code })

describe('driverError', () => {
  test.each([
    [500, 'failed to create task: write /var/lib/docker/overlay2/x: no space left on device', 'disk_full'],
    [500, 'failed to copy files: disk quota exceeded', 'disk_full'],
    [
      500,
      'driver failed programming external connectivity on endpoint x (y): Error starting userland proxy: listen tcp4 127.0.0.1:40111: bind: address already in use',
      'no_port',
    ],
    [500, 'driver failed programming external connectivity on endpoint x (y): Bind for 127.0.0.1:40113 failed: port is already allocated', 'no_port'],
    [
      500,
      'driver failed programming external connectivity: Error starting userland proxy: listen tcp4 10.1.1.1:1: bind: cannot assign requested address',
      'engine_error',
    ],
    [404, 'No such image: nope:latest', 'image_missing'],
    [404, 'No such container: 1f', 'container_missing'],
    [404, 'network x not found', 'engine_error'],
    [500, 'could not select device driver "nvidia" with capabilities: [[gpu compute utility]]', 'gpu_unavailable'],
    [500, 'OCI runtime create failed: nvidia-container-cli: device error: GPU-1: unknown device: unknown', 'gpu_unavailable'],
    [500, 'error gathering device information while adding custom device "/dev/nvidia0": no such file or directory', 'gpu_unavailable'],
    [400, 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available', 'limits_refused'],
    [400, 'Minimum memory limit allowed is 6MB', 'limits_refused'],
    [400, 'invalid reference format: repository name must be lowercase', 'image_refused'],
    [409, 'Container 1f is not running', 'exited'],
    [409, 'Container 1f is paused, unpause the container before exec', 'engine_error'],
    [500, 'something new', 'engine_error'],
  ])('%i %s is %s', (status, message, code) => {
    expect(driverError(answer(status, message))).toMatchObject({ name: 'DriverError', code, message })
  })

  test.each(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'])('%s is an engine that is away', (code) => {
    expect(driverError(system(code))).toMatchObject({ code: 'away' })
  })

  test('an answer is never "away", whatever else it carries', () => {
    expect(driverError(Object.assign(answer(500, 'x'), { code: 'ECONNRESET' })).code).toBe('engine_error')
  })

  test('what is unknown fails with its text, and what is known stays', () => {
    expect(driverError('just a string')).toMatchObject({ code: 'engine_error', message: 'just a string' })
    const known = new DriverError('no_port', 'x')
    expect(driverError(known)).toBe(known)
  })

  test('texts fit a report', () => {
    expect(driverError(answer(500, 'x'.repeat(5000))).message).toHaveLength(1000)
    const long = Object.assign(new Error('x'.repeat(5000)), { code: 'ENOENT' })
    expect(driverError(long).message).toHaveLength(1000)
  })

  test('a caller that gave up reads its own reason', () => {
    expect(givenUp(AbortSignal.abort(new Error('time is up')), 'pull_failed')).toMatchObject({ code: 'pull_failed', message: 'given up: time is up' })
  })
})
