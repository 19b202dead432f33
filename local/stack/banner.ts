import type { Choice } from './engine.ts'
import type { Stack } from './stack.ts'

export type Facts = Pick<Stack, 'url' | 'databaseUrl' | 'clientKey' | 'adminKey'> & {
  folder: string
  simulate: string | null
  miners: { hotkey: string; ports: { first: number; last: number } }[]
}

/** What a person needs to use the stack. Pure. Both commands can be pasted as they stand. */
export function banner(f: Facts, { driver, image, notes }: Choice): string {
  const gpus = f.simulate === null ? 'the GPUs of this machine' : `${f.simulate} (simulated)`
  const as = `COMPUTE_URL=${f.url} COMPUTE_API_KEY=${f.clientKey}`
  return [
    '',
    `edge       ${f.url} (what it can do: ${f.url}/openapi.json)`,
    `database   ${f.databaseUrl}`,
    ...f.miners.map(({ hotkey, ports }, i) => `miner ${i + 1}    ${hotkey}, ${gpus}, SSH ports ${ports.first}-${ports.last}`),
    `rentals    driver ${driver}, image ${image}`,
    ...notes.map((note) => `  !        ${note}`),
    `API key    ${f.clientKey}`,
    `admin key  ${f.adminKey}`,
    `state      ${f.folder} (logs in log/); remove it to begin anew`,
    '',
    'In another terminal, in this folder:',
    '',
    `  ${as} ./compute up --name first`,
    `  ${as} ./compute ssh first`,
    '',
    'Ctrl-C stops everything; npm start resumes it.',
  ].join('\n')
}
