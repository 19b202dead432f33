import { describe, expect, it } from 'vitest'
import { FRESH_MS, LIVENESS } from '../../schema/protocol.ts'
import { judge, type Known } from './judge.ts'

const NOW = 10_000_000
const ago = (ms: number) => NOW - ms
const known = (o: Partial<Known> = {}): Known => ({ sinceMs: 0, heardAtMs: NOW, fullAtMs: NOW, online: 'online', ...o })
const { suspectMs, unreachableMs } = LIVENESS

describe('judge: is it there', () => {
  it.each([
    ['heard just now', known(), 0, 'online'],
    ['almost suspect', known({ heardAtMs: ago(suspectMs - 1) }), 0, 'online'],
    ['suspect', known({ heardAtMs: ago(suspectMs) }), 0, 'suspect'],
    ['almost unreachable', known({ heardAtMs: ago(unreachableMs - 1) }), 0, 'suspect'],
    ['unreachable', known({ heardAtMs: ago(unreachableMs) }), 0, 'unreachable'],
    ['silent, but we were too', known({ heardAtMs: ago(unreachableMs) }), NOW + 1, 'suspect'],
    ['silent, and the grace is over', known({ heardAtMs: ago(unreachableMs) }), NOW, 'unreachable'],
    ['unreachable before the grace', known({ heardAtMs: ago(unreachableMs), online: 'unreachable' }), NOW + 1, 'unreachable'],
    ['back in the grace', known({ online: 'unreachable' }), NOW + 1, 'online'],
    ['known by name, not for long', known({ heardAtMs: null, sinceMs: ago(unreachableMs - 1), online: null }), 0, null],
    ['known by name, and silent since', known({ heardAtMs: null, sinceMs: ago(unreachableMs), online: null }), 0, 'unreachable'],
    ['known by name, silent as we were', known({ heardAtMs: null, sinceMs: ago(unreachableMs), online: null }), NOW + 1, null],
  ])('%s', (_, row, graceUntilMs, online) => {
    expect(judge(row, { nowMs: NOW, graceUntilMs }).online).toBe(online)
  })
})

describe('judge: did it tell everything lately', () => {
  it.each([
    ['just now', known(), true],
    ['almost too long ago', known({ fullAtMs: ago(FRESH_MS - 1) }), true],
    ['too long ago', known({ fullAtMs: ago(FRESH_MS) }), false],
    ['never, and not known for long', known({ fullAtMs: null, sinceMs: ago(FRESH_MS - 1) }), null],
    ['never, and known for long', known({ fullAtMs: null, sinceMs: ago(FRESH_MS) }), false],
  ])('%s', (_, row, fresh) => {
    expect(judge(row, { nowMs: NOW, graceUntilMs: NOW + 1 }).fresh).toBe(fresh)
  })
})
