import type { Command } from 'commander'
import { answer } from '../client.ts'
import { apiOf, type Common, type Io, JSON_OPTION, show } from '../io.ts'
import { minerText, networkText, scoreText } from '../miner.ts'
import { plural, span, table, when } from '../print.ts'

type Filters = Common & { model?: string; minVram?: string; free?: string; image?: string; hotkey?: string }
type Offer = Awaited<ReturnType<typeof listGpus>>['items'][number]

async function listGpus(io: Io, { model, minVram, free, image, hotkey }: Filters) {
  const api = await apiOf(io)
  return (await answer(api.v1.gpus.$get({ query: { model, min_vram_gb: minVram, free, image, hotkey } }))).body
}

const gib = (mb: number) => `${Math.round(mb / 1024)} GiB`
const modelName = ({ model, simulated }: Offer) => (simulated ? `${model} (simulated)` : model)
const images = ({ images }: Offer) => images.map(({ reference, warm }) => (warm ? reference : `${reference} (cold)`)).join(', ')
const proof = (age: number | null) => (age === null ? 'never' : `${span(age)} ago`)

function gpuTable({ items, total, free }: Awaited<ReturnType<typeof listGpus>>): string {
  if (items.length === 0) return 'No GPU matches. Leave filters out, or see who is there: compute miners'
  const rows = items.map((o) => [modelName(o), `${o.free}/${o.total}`, gib(o.vram_mb), o.driver, o.isolation, proof(o.proof_age_s), o.hotkey, images(o)])
  return `${table(['MODEL', 'FREE', 'VRAM', 'DRIVER', 'ISOLATION', 'PROVED', 'MINER', 'IMAGES'], rows)}\n\n${free} of ${plural(total, 'GPU')} free`
}

async function listMiners(io: Io) {
  const api = await apiOf(io)
  return (await answer(api.v1.miners.$get({ query: {} }))).body
}

function minerTable({ items }: Awaited<ReturnType<typeof listMiners>>, nowMs: number): string {
  if (items.length === 0) return 'No miner is registered yet'
  const rows = items.map((m) => {
    const models = m.models.join(', ') + (m.simulated ? ' (simulated)' : '')
    return [m.hotkey, m.status, `${m.gpus.free}/${m.gpus.total}`, models, m.driver, m.isolation, scoreText(m), m.version, when(m.last_report_at, nowMs)]
  })
  return table(['MINER', 'STATUS', 'FREE', 'MODELS', 'DRIVER', 'ISOLATION', 'SCORE', 'VERSION', 'LAST REPORT'], rows)
}

async function getMiner(io: Io, hotkey: string) {
  const api = await apiOf(io)
  return (await answer(api.v1.miners[':hotkey'].$get({ param: { hotkey } }))).body
}

async function getNetwork(io: Io) {
  const api = await apiOf(io)
  return (await answer(api.v1.network.$get())).body
}

/** `gpus`, `miners` and `network`: what is on the market. */
export function marketCommands(program: Command, io: Io): void {
  program
    .command('gpus')
    .description('GPUs on the market')
    .option('--model <text>', 'part of the model name, any case, such as h200')
    .option('--min-vram <GiB>', 'memory of one GPU, at least')
    .option('--free <n>', 'at least so many free on one host')
    .option('--image <reference>', 'offered for this image')
    .option('--hotkey <ss58>', 'of this miner only')
    .option(...JSON_OPTION)
    .action(async (options: Filters) => show(io, options, await listGpus(io, options), gpuTable))

  program
    .command('miners')
    .description('registered miners, or one of them with what each validator says of it')
    .argument('[hotkey]', 'ss58 address (default: all)')
    .option(...JSON_OPTION)
    .action(async (hotkey: string | undefined, options: Common) => {
      if (hotkey === undefined) show(io, options, await listMiners(io), (body) => minerTable(body, io.nowMs()))
      else show(io, options, await getMiner(io, hotkey), (body) => minerText(body, io.nowMs()))
    })

  program
    .command('network')
    .description('the subnet: who may act, who published')
    .option(...JSON_OPTION)
    .action(async (options: Common) => show(io, options, await getNetwork(io), networkText))
}
