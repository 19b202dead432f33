import { argv, type allocateInput } from '../../schema/index.ts'
import type * as z from 'zod'
import { Mistake } from '../core/mistake.ts'

/** What `compute up` was asked for, as typed. */
export type Asked = {
  gpus: string
  model?: string
  minVram?: string
  image?: string
  hotkey?: string
  hours: string
  name?: string
  env?: string[]
  init?: string[]
}

/**
 * The API's request for that. Pure. Only what has no meaning as JSON is refused here (a Mistake naming the option);
 * all else is the edge's to judge.
 */
export function request(asked: Asked, sshKeys: string[]): z.input<typeof allocateInput> {
  const { gpus, model, minVram, image, hotkey, hours, name, env = [], init = [] } = asked
  return {
    gpu: {
      count: gpus === 'all' ? gpus : number('--gpus', gpus, 'a number, or "all" for a whole host'),
      ...(model !== undefined && { model }),
      ...(minVram !== undefined && { min_vram_gb: number('--min-vram', minVram, 'a number of GiB') }),
    },
    ...(image !== undefined && { image }),
    ...(hotkey !== undefined && { hotkey }),
    ...(name !== undefined && { name }),
    ssh_keys: sshKeys,
    env: Object.fromEntries(env.map(variable)),
    init: init.map(command),
    lease_hours: number('--hours', hours, 'a number of hours'),
  }
}

/** A number as typed. Throws a Mistake naming the option. */
export function number(option: string, text: string, expected: string): number {
  if (!/^\d{1,9}(\.\d+)?$/.test(text)) throw new Mistake(`${option} ${JSON.stringify(text)}: give ${expected}`)
  return Number(text)
}

function variable(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new Mistake(`--env ${JSON.stringify(text)}: give NAME=value`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function command(text: string): string[] {
  const help = `--init ${JSON.stringify(text)}: give a JSON array of texts, such as --init '["pip","install","numpy"]'`
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Mistake(help, error)
  }
  const checked = argv.safeParse(parsed)
  if (!checked.success) throw new Mistake(help, checked.error)
  return checked.data
}
