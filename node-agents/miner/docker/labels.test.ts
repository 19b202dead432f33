import { describe, expect, test } from 'vitest'
import type { ContainerIdentity, Owner } from '../../core/ports.ts'
import type { Row } from './client.ts'
import { installsOf, inventoryOf, labelsOf, ofContainer } from './labels.ts'

const owner: Owner = { edge: 'e', hotkey: 'h', install: 'i' }
const identity: ContainerIdentity = { allocation: 'al_1', incarnation: 3, gpus: ['GPU-a', 'GPU-b'], port: 20022, hostKey: 'ssh-ed25519 AAAA', trace: 'f00' }
const row = (over: Partial<Row> = {}): Row => ({ Id: 'x', Labels: labelsOf(owner, identity), State: 'running', Status: 'Up 2 seconds', ...over })
const one = (over: Partial<Row>) => inventoryOf(owner, [row(over)]).containers[0]

describe('labels', () => {
  test('all ten are set, also when there is nothing to say: an image could forge those left out', () => {
    expect(Object.keys(labelsOf(owner, { ...identity, gpus: [] })).sort()).toEqual(
      ['allocation', 'edge', 'gpus', 'host-key', 'hotkey', 'incarnation', 'install', 'port', 'protocol', 'trace'].map((name) => `compute.${name}`),
    )
  })

  test('give back what was put in', () => {
    expect(one({})).toEqual({ ...identity, state: 'running', exitCode: null, started: true })
    expect(one({ Labels: labelsOf(owner, { ...identity, gpus: [] }) })?.gpus).toEqual([])
  })

  test.each([
    ['created', 'Created', { state: 'created', exitCode: null, started: false }],
    ['running', 'Up 2 seconds', { state: 'running', exitCode: null, started: true }],
    ['paused', 'Up 2 seconds (Paused)', { state: 'paused', exitCode: null, started: true }],
    ['exited', 'Exited (137) 2 minutes ago', { state: 'exited', exitCode: 137, started: true }],
    ['dead', 'Dead', { state: 'exited', exitCode: null, started: true }],
    ['removing', 'Removal In Progress', { state: 'exited', exitCode: null, started: true }],
  ])('state %s', (State, Status, expected) => expect(one({ State, Status })).toMatchObject(expected))

  test.each(['edge', 'hotkey', 'install'])('another %s is somebody else', (key) => {
    const other = row({ Labels: { ...labelsOf(owner, identity), [`compute.${key}`]: 'other' } })
    expect(inventoryOf(owner, [row(), other])).toMatchObject({ containers: [{ allocation: 'al_1' }], foreign: 1 })
  })

  test('ours by name but unreadable is left alone and counted', () => {
    for (const wrong of [{ 'compute.incarnation': 'x' }, { 'compute.incarnation': '0' }, { 'compute.allocation': '' }]) {
      expect(inventoryOf(owner, [row({ Labels: { ...labelsOf(owner, identity), ...wrong } })])).toMatchObject({ containers: [], foreign: 1 })
    }
  })

  test('containers without our labels do not count', () => {
    expect(inventoryOf(owner, [row({ Labels: {} }), row({ Labels: { computer: 'x', 'com.example': 'y' } })])).toEqual({
      containers: [],
      foreign: 0,
      foreignGpus: [],
    })
    expect(inventoryOf(owner, [row({ Labels: { 'compute.edge': 'z' } })]).foreign).toBe(1)
  })

  test('one container is asked for by all that makes it ours', () => {
    expect(ofContainer(owner, identity)).toEqual([
      'compute.edge=e',
      'compute.hotkey=h',
      'compute.install=i',
      'compute.allocation=al_1',
      'compute.incarnation=3',
    ])
  })
})

test('installs of a hotkey at an edge, each once; nobody else counts', () => {
  const of = (over: Partial<Owner>) => row({ Labels: labelsOf({ ...owner, ...over }, identity) })
  const rows = [of({}), of({}), of({ install: 'j' }), of({ hotkey: 'x', install: 'k' }), of({ edge: 'x', install: 'l' }), row({ Labels: {} })]
  expect(installsOf(owner, rows)).toEqual(['i', 'j'])
})
