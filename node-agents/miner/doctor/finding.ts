/** What a check found. `fix`: a command or a step that puts it right; null: nothing has to be done. */
export type Finding = { check: string; status: 'ok' | 'warn' | 'fail'; says: string; fix: string | null }

export const ok = (check: string, says: string): Finding => ({ check, status: 'ok', says, fix: null })
export const warn = (check: string, says: string, fix: string | null): Finding => ({ check, status: 'warn', says, fix })
export const fail = (check: string, says: string, fix: string | null): Finding => ({ check, status: 'fail', says, fix })

const SIGNS = { ok: ' ok ', warn: 'WARN', fail: 'FAIL' } as const

/** For people. Pure. */
export function text(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((f) => f.check.length))
  const lines = findings.flatMap(({ check, status, says, fix }) => [
    `${SIGNS[status]}  ${check.padEnd(width)}  ${says}`,
    ...(fix === null ? [] : [`${' '.repeat(width + 8)}fix: ${fix}`]),
  ])
  const count = (status: Finding['status']) => findings.filter((f) => f.status === status).length
  return [...lines, '', `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`].join('\n')
}
