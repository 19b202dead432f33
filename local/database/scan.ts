/** A parameter by its index: its name with the prefix, or null for `?` and `?3`. */
export type Parameter = string | null

export type Scan = { parameters: Parameter[]; inserts: boolean }

const TOKEN = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\?(\d*)|[:@$]\w+|[A-Za-z_]\w*|\s+|[\s\S]/g
const SKIPPED = /^(?:--|\/\*|\s|['"`[])/
const BLANK = /^(?:\s|;|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))*$/

/** What SQLite knows of a statement but `node:sqlite` does not tell: its parameters, and whether it inserts. */
export function scan(sql: string): Scan {
  const parameters: Parameter[] = []
  let first = ''
  let into = false
  for (const [token, number] of sql.matchAll(TOKEN)) {
    if (SKIPPED.test(token)) continue
    first ||= token.toLowerCase()
    if (number === '') parameters.push(null)
    else if (number) while (parameters.length < Number(number)) parameters.push(null)
    else if (/^[:@$]./.test(token) && !parameters.includes(token)) parameters.push(token)
    else if (/^into$/i.test(token)) into = true
  }
  return { parameters, inserts: into && ['insert', 'replace', 'with'].includes(first) }
}

/** Whether nothing is left to run: white space, comments and semicolons only. */
export function isBlank(sql: string): boolean {
  return BLANK.test(sql)
}
