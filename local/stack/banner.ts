import type { Choice } from './engine.ts'
import { NETUID, type Stack } from './stack.ts'

/** On the subnet; `uid` null: the chain is not asked for this one. */
type Agent = { hotkey: string; uid: number | null }

export type Facts = Pick<Stack, 'url' | 'chainUrl' | 'databaseUrl' | 'clientKey' | 'adminKey'> & {
  folder: string
  simulate: string | null
  /** The validator believes what the stack told it, and runs no proofs. */
  recorded: boolean
  /** `state`: its state directory. */
  validator: Agent & { state: string }
  miners: (Agent & { ports: { first: number; last: number } })[]
}

const named = ({ hotkey, uid }: Agent) => `${hotkey}, ${uid === null ? 'let in by hand' : `uid ${uid}`}`

function proofs({ recorded, simulate }: Facts): string {
  if (recorded) return 'recorded, not run'
  return `run over SSH on each miner${simulate === null ? '' : '; of simulated cards they check the arithmetic, and no speed'}`
}

/** What a person needs to use the stack. Pure. The commands can be pasted as they stand. */
export function banner(f: Facts, { driver, image, notes }: Choice): string {
  const gpus = f.simulate === null ? 'the GPUs of this machine' : `${f.simulate} (simulated)`
  const as = `COMPUTE_URL=${f.url} COMPUTE_API_KEY=${f.clientKey}`
  return [
    '',
    `edge       ${f.url} (what it can do: ${f.url}/openapi.json)`,
    `database   ${f.databaseUrl}`,
    `chain      ${f.chainUrl}, subnet ${NETUID}, a block each second`,
    `validator  ${named(f.validator)}`,
    ...f.miners.map((m, i) => `miner ${i + 1}    ${named(m)}, ${gpus}, SSH ports ${m.ports.first}-${m.ports.last}`),
    `rentals    driver ${driver}, image ${image}`,
    `proofs     ${proofs(f)}`,
    ...notes.map((note) => `  !        ${note}`),
    `API key    ${f.clientKey}`,
    `admin key  ${f.adminKey}`,
    `state      ${f.folder} (logs in log/); remove it to begin anew`,
    '',
    'In another terminal, in this folder:',
    '',
    `  ${as} ./compute up --name first`,
    `  ${as} ./compute ssh first`,
    `  ./compute validator explain ${f.miners[0]?.hotkey} --state ${f.validator.state}`,
    `  ./compute weights show --matrix --state ${f.validator.state}`,
    '',
    'Ctrl-C stops everything; npm start resumes it.',
  ].join('\n')
}
