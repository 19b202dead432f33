import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { Mistake, reason } from './mistake.ts'

const FILE = new URL('../../gpu/catalog.json', import.meta.url)
const FIX = 'restore gpu/catalog.json from the release, or put right what is named here'

const name = z.string().startsWith('NVIDIA ', 'names are those of nvidia-smi and begin with "NVIDIA "').max(64)
const date = z.iso.date()
const positive = z.number().positive()

const card = z.strictObject({
  /** As nvidia-smi says it. */
  name,
  /** What else it was called: the original shortened some names. */
  also: z.array(name),
  /** Points per card; 0: it earns nothing, and `note` says why. */
  score: z.number().min(0),
  note: z.string().min(1).nullable(),
  /** Cards that measure so much alike that a claim of either passes for the other. */
  twins: z.array(name),
  /** As the original's benchmark measured it. `avram_gb`: largest power-of-two allocation in fp16. */
  measured: z.strictObject({ fp16_tflops: positive, fp32_tflops: positive, avram_gb: positive, from: z.string() }),
  /** Dense peaks; `bandwidth_gbs` in GB/s. */
  vendor: z.strictObject({
    fp16_tflops: positive,
    fp32_tflops: positive,
    int8_tops: positive,
    vram_gb: positive,
    bandwidth_gbs: positive,
    from: z.string(),
  }),
  /** All of it, as the driver says. */
  memory: z.strictObject({ mib: z.int().positive(), from: z.string() }),
  /** What the script of this release reached on an honest card; null: nobody measured it yet. */
  calibration: z.strictObject({ tops: positive, gbs: positive, as_of: date, driver: z.string().min(1), from: z.string() }).nullable(),
})

/** What an honest card reaches with the script. `estimate`: the date of a guess from the vendor's peaks; null: it was measured. */
export type Expected = { tops: number; gbs: number; estimate: string | null }
export type Card = z.infer<typeof card> & { expected: Expected }

const share = z.number().positive().max(1)
const stock = z.strictObject({ tops_of_peak: share, gbs_of_peak: share, from: z.string() })

const file = z.strictObject({
  dated: date,
  sources: z.record(z.string(), z.strictObject({ what: z.string().min(1), as_of: date })),
  /** Of the peaks, for cards that are not calibrated. */
  stock,
  cards: z.array(card).min(1),
})

/** The cards that are known, and what each is worth. `best`: the most points any card has. */
export type Catalog = { dated: string; sources: z.infer<typeof file>['sources']; cards: readonly Card[]; best: number; byName: ReadonlyMap<string, Card> }

/** Names differ in case between drivers and tables ("L40s"). */
const key = (name: string) => name.trim().replace(/\s+/g, ' ').toLowerCase()

/** The card of that name; null: the catalogue does not know it, which earns nothing and is no error. */
export function cardNamed(catalog: Catalog, name: string): Card | null {
  return catalog.byName.get(key(name)) ?? null
}

/** The catalogue of this release. Throws a `Mistake` that names what is wrong in the file. */
export function readCatalog(): Catalog {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(FILE, 'utf8'))
  } catch (error) {
    throw new Mistake(`the GPU catalogue cannot be read (${reason(error)}): ${FIX}`, error)
  }
  return parseCatalog(content)
}

/** Checks a catalogue as it stands in its file. Throws a `Mistake` that names what is wrong. */
export function parseCatalog(content: unknown): Catalog {
  const parsed = file.safeParse(content)
  if (!parsed.success) {
    const issues = parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`)
    throw new Mistake(`the GPU catalogue is not as it should be: ${issues.join('; ')}: ${FIX}`)
  }
  const { dated, sources } = parsed.data
  const estimated = sources[parsed.data.stock.from]?.as_of
  if (estimated === undefined) throw new Mistake(`the GPU catalogue is not as it should be: stock: there is no source "${parsed.data.stock.from}": ${FIX}`)
  const cards = parsed.data.cards.map((c) => ({ ...c, expected: expectedOf(c, parsed.data.stock, estimated) }))
  const byName = named(cards)
  const wrong = cards.flatMap((c) => faults(c, byName, sources))
  const best = Math.max(...cards.map((c) => c.score))
  if (best === 0) wrong.push('no card has points, so there is nothing to scale by')
  if (wrong.length > 0) throw new Mistake(`the GPU catalogue is not as it should be: ${wrong.join('; ')}: ${FIX}`)
  return { dated, sources, cards, best, byName }
}

function expectedOf({ calibration, vendor }: z.infer<typeof card>, by: z.infer<typeof stock>, estimate: string): Expected {
  if (calibration) return { tops: calibration.tops, gbs: calibration.gbs, estimate: null }
  return { tops: vendor.int8_tops * by.tops_of_peak, gbs: vendor.bandwidth_gbs * by.gbs_of_peak, estimate }
}

function named(cards: Card[]): Map<string, Card> {
  const byName = new Map<string, Card>()
  for (const card of cards)
    for (const name of [card.name, ...card.also]) {
      const other = byName.get(key(name))
      if (other) throw new Mistake(`the GPU catalogue has ${name} twice (${other.name}, ${card.name}): ${FIX}`)
      byName.set(key(name), card)
    }
  return byName
}

function faults(card: Card, byName: ReadonlyMap<string, Card>, sources: Catalog['sources']): string[] {
  const from = [card.measured, card.vendor, card.memory, card.calibration].flatMap((block) => block?.from ?? [])
  const unknown = from.filter((from) => !Object.hasOwn(sources, from))
  const oneSided = card.twins.filter((twin) => !byName.get(key(twin))?.twins.some((back) => key(back) === key(card.name)))
  return [
    ...unknown.map((from) => `${card.name}: there is no source "${from}"`),
    ...oneSided.map((twin) => `${card.name}: its twin ${twin} is not there, or does not name it back`),
    ...(card.score === 0 && card.note === null ? [`${card.name}: why has it no points? Say so in its note`] : []),
  ]
}
