import { Command, CommanderError, Option } from 'commander'
import type * as z from 'zod'
import { Mistake } from './mistake.ts'

/** One declaration per setting: everything else (flag, environment variable, help, parsing) is made from it. */
export type Setting<T> = {
  flag: string
  /** Another spelling, that of the program before this one; not in --help. */
  also?: string
  /** Stands for the value in --help, such as "<path>". */
  value: string
  env: string
  /** As text, the way a person would type it; null: none. */
  default: string | null
  help: string
  /** From the text, or from undefined when neither flag nor environment nor default gives one. */
  parse: z.ZodType<T, string | undefined>
}

export type Settings = Record<string, Setting<unknown>>
export type Values<S extends Settings> = { [K in keyof S]: S[K] extends Setting<infer T> ? T : never }

/** Gives a declaration its type without repeating it. */
export function setting<T>(s: Setting<T>): Setting<T> {
  return s
}

const long = (flag: string) => flag.replace(/^--/, '')

/** Commander's own name for the value of a long flag. */
const attribute = (flag: string) => long(flag).replace(/-([a-z])/g, (_, c: string) => c.toUpperCase())

export function buildCommand(name: string, description: string, settings: Settings): Command {
  const command = new Command(name).description(description).allowExcessArguments(false)
  for (const s of Object.values(settings)) {
    const otherwise = s.default === null ? '' : `; default: ${s.default}`
    command.addOption(new Option(`${s.flag} ${s.value}`, `${s.help} (env: ${s.env}${otherwise})`))
    if (s.also) command.addOption(new Option(`${s.also} ${s.value}`).hideHelp())
  }
  return command
}

function readOne(s: Setting<unknown>, given: Record<string, unknown>, env: NodeJS.ProcessEnv): unknown {
  const fromFlag = given[attribute(s.flag)] ?? (s.also && given[attribute(s.also)])
  const fromEnv = env[s.env] === '' ? undefined : env[s.env]
  const text = typeof fromFlag === 'string' ? fromFlag : (fromEnv ?? s.default ?? undefined)
  const parsed = s.parse.safeParse(text)
  if (parsed.success) return parsed.data
  const origin = typeof fromFlag === 'string' ? s.flag : fromEnv === undefined ? s.flag : `${s.env} (or ${s.flag})`
  const shown = text === undefined ? 'is missing' : `cannot be ${JSON.stringify(text)}`
  throw new Mistake(`${origin} ${shown}: ${parsed.error.issues.map((i) => i.message).join('; ')}`)
}

/** All of an operator's mistakes are told at once. */
function orMistake(read: () => unknown, mistakes: string[]): unknown {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    return void mistakes.push(error.message)
  }
}

/**
 * Flag before environment before default. Throws a `Mistake` that names every wrong flag and what would be right;
 * null when help was asked for and printed.
 */
export function readSettings<S extends Settings>(command: Command, settings: S, argv: string[], env: NodeJS.ProcessEnv): Values<S> | null {
  command.exitOverride().configureOutput({ outputError: () => undefined }) // the caller shows the mistake, once
  try {
    command.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return null
    throw new Mistake(`${error.message}; see ${command.name()} --help`, error)
  }
  const given = command.opts<Record<string, unknown>>()
  const mistakes: string[] = []
  const values = Object.entries(settings).map(([name, s]) => [name, orMistake(() => readOne(s, given, env), mistakes)])
  if (mistakes.length > 0) throw new Mistake(mistakes.join('\n'))
  return Object.fromEntries(values) as Values<S>
}
