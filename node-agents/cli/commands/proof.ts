import type { Command } from 'commander'
import type { Header, Report } from '../../core/proof/bundle/types.ts'
import { oneLine } from '../../core/text.ts'
import { type Common, type Io, show } from '../io.ts'
import { plural, table } from '../print.ts'

const PARTS = ['file', 'arithmetic', 'freshness', 'timing', 'verdict'] as const
type Part = (typeof PARTS)[number]

/** `verify` says with its exit code that every step of the proof was gone through again, and came out as the bundle says. */
const isProof = (report: Report) => report.holds && report.arithmetic.result === 'passed'

const GOOD: Record<Part, readonly string[]> = {
  file: ['intact'],
  arithmetic: ['passed'],
  freshness: ['checked'],
  timing: ['attested'],
  verdict: ['follows'],
}
/** Not wrong, and not known either. */
const OPEN: readonly string[] = ['unknown', 'nobody', 'unchecked', 'incomplete']

function sign(part: Part, result: string): string {
  if (GOOD[part].includes(result)) return 'holds'
  return OPEN.includes(result) ? 'open' : 'WRONG'
}

/** Pure. */
export function reportText(report: Report): string {
  const rows = PARTS.map((part) => {
    const { result, text } = report[part]
    return [sign(part, result), part, text]
  })
  const { header, end, digest, bytes } = report
  const said = [...(header ? [about(header)] : []), ...(end ? [`It concludes: ${end.identity?.text ?? end.text}`] : [])]
  return [table(['', 'WHAT', 'HOW'], rows), '', ...said.map(oneLine), `SHA-256 ${digest}, ${bytes} bytes`].join('\n')
}

function about({ gpus, seed, goAtMs, by }: Header): string {
  const atMs = new Date(goAtMs)
  const at = Number.isNaN(atMs.getTime()) ? 'at no time there is' : atMs.toISOString()
  return `${plural(gpus, 'GPU')} of ${seed.miner}, proof ${seed.round}, ${at} by the clock of ${by ?? 'whoever ran it'}`
}

/** `proof`: what is left of proofs of GPU. */
export function proofCommands(program: Command, io: Io): void {
  const proof = program
    .command('proof')
    .description('proofs of GPU: check the evidence of one, or prove the cards of this host to yourself')
    .addHelpText('after', '\nTo prove the cards of this host: compute proof run --help')
  proof
    .command('verify')
    .description('check the evidence of a proof, offline: arithmetic, freshness and timing apart')
    .argument('<file>', 'as compute proof run or a validator wrote it')
    .option('--json', 'print the report as JSON instead of text')
    .addHelpText('after', '\nExit codes: 0 the arithmetic was done again and nothing is wrong, 1 something does not hold, 2 the file cannot be read')
    .action(async (file: string, options: Common) => {
      const { verifyBundle } = await import('../../core/proof/bundle/verify.ts') // no other command needs it
      const report = await verifyBundle(file)
      show(io, options, report, reportText)
      io.exit(isProof(report) ? 0 : 1)
    })
}
