// Prints vitest's own counts as the one plain line that closes a CI run.
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2] ?? '.build/tests.json', 'utf8'))
const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, success } = report
const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.every((t) => t.status !== 'failed'))
for (const file of broken) console.error(`did not run: ${file.name}: ${file.message}`)
console.log(`${passed} passed, ${failed + broken.length} failed, ${skipped} skipped`)
process.exitCode = success && passed > 0 ? 0 : 1
