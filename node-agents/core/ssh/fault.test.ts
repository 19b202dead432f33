import { describe, expect, it } from 'vitest'
import { ShellError } from '../ports.ts'
import { faultOf, type Reached, stopped } from './fault.ts'

const at = (over: Partial<Reached> = {}): Reached => ({ connected: true, shown: 'pinned', ready: false, ...over })
const error = (message: string, more: object = {}) => Object.assign(new Error(message), more)
const refusal = error('All configured authentication methods failed', { level: 'client-authentication' })

describe('a connection that ended', () => {
  it.each<[string, Error, Reached, string]>([
    ['before it stood', error('connect', { code: 'ECONNREFUSED' }), at({ connected: false, shown: 'nothing' }), 'unreachable'],
    ['before a key was shown', error('closed'), at({ shown: 'nothing' }), 'broken'],
    ['with another key', error('Host denied'), at({ shown: 'other' }), 'wrong_host_key'],
    ['with another key in a later exchange', error('Host denied'), at({ shown: 'other', ready: true }), 'wrong_host_key'],
    ['with no key of the type', error('Handshake failed: no matching host key format'), at({ shown: 'nothing' }), 'wrong_host_key'],
    ['with a signature that is none', error('Handshake failed: signature verification failed'), at(), 'wrong_host_key'],
    ['when logging in', refusal, at(), 'refused'],
    ['when logging in, by a goodbye', error('no more', { code: 14 }), at(), 'refused'],
    ['with a refusal that comes when one is in', refusal, at({ ready: true }), 'broken'],
    ['by a goodbye', error('bye', { code: 11 }), at(), 'broken'],
    ['by the network', error('read', { code: 'ECONNRESET' }), at({ ready: true }), 'broken'],
  ])('%s', (_, cause, reached, code) => {
    const fault = faultOf(cause, 'host:22', reached)
    expect(fault).toMatchObject({ code, cause, message: expect.stringMatching(/^host:22 /) })
  })
})

describe('what was told to stop', () => {
  it('is a timeout when the time was up, and ends for the reason given otherwise', () => {
    const late = stopped(AbortSignal.abort(new DOMException('late', 'TimeoutError')), 'greeting')
    expect(late).toBeInstanceOf(ShellError)
    expect(late).toMatchObject({ code: 'timeout', message: 'greeting: the time is up' })
    const reason = new Error('enough')
    expect(stopped(AbortSignal.abort(reason), 'greeting')).toBe(reason)
  })
})
