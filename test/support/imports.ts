import { posix } from 'node:path'

/** One import of a file: its target is a path from the repository's root, or the name of a package. */
export type Import = { target: string; /** Gone at run time. */ typeOnly: boolean }
export type Source = { path: string; text: string }
export type Rule = {
  name: string
  reason: string
  /** Files it is about. */
  about: (path: string) => boolean
  /** Whether a file about which it is may not do this. */
  forbids?: (imported: Import, path: string) => boolean
  forbidsText?: RegExp
  /** A made-up file that breaks it, so that the rule itself is tested. */
  offender: Source
}

const STATEMENT = /^\s*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm
const DYNAMIC = /\bimport\(\s*'([^']+)'/g
/** Comments and texts, where words are only words. A quote after a colon begins a text; the one in "don't" stands in a comment. */
const WORDS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g

/** Everything a file imports. `import { type X }` is not type-only: Node would still load the file. */
export function importsOf({ path, text }: Source): Import[] {
  const resolve = (specifier: string) => (specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier)
  const written = [...text.matchAll(STATEMENT)].map(([, type, specifier = '']) => ({ target: resolve(specifier), typeOnly: type !== undefined }))
  // `typeof import('…')` is a type as well, but nobody needs it here.
  const dynamic = [...text.matchAll(DYNAMIC)].map(([, specifier = '']) => ({ target: resolve(specifier), typeOnly: false }))
  return [...written, ...dynamic]
}

/** What breaks the rule in this file, in words; empty when nothing does. */
export function violations({ about, forbids, forbidsText, reason }: Rule, source: Source): string[] {
  if (!about(source.path)) return []
  const imports = importsOf(source).filter((i) => forbids?.(i, source.path))
  const texts = forbidsText ? [...source.text.replaceAll(WORDS, "''").matchAll(forbidsText)].map(([found]) => found.trim()) : []
  return [...imports.map((i) => `imports ${i.target}`), ...texts.map((t) => `says ${t}`)].map((what) => `${source.path} ${what}: ${reason}`)
}
