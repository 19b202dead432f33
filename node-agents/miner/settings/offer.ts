import * as z from 'zod'
import { imageReference } from '../../../schema/index.ts'
import { maybe, positive } from '../../core/parsers.ts'
import { setting } from '../../core/settings.ts'
import { simulateGpu } from '../simulate.ts'

const images = z
  .string({ error: 'name the images this host may run, separated by commas' })
  .transform((s) => s.split(',').map((i) => i.trim()))
  .pipe(z.array(imageReference).min(1).max(64))

/** What this host rents out. */
export const OFFER = {
  images: setting({
    flag: '--images',
    value: '<a,b>',
    env: 'COMPUTE_IMAGES',
    default: null,
    help: 'Images this host may run; nothing else ever runs, whatever the edge says',
    parse: images,
  }),
  maxCpus: setting({
    flag: '--max-cpus',
    value: '<n>',
    env: 'COMPUTE_MAX_CPUS',
    default: null,
    help: 'CPUs to rent out; default: all',
    parse: maybe(positive),
  }),
  maxMemoryGb: setting({
    flag: '--max-memory-gb',
    value: '<n>',
    env: 'COMPUTE_MAX_MEMORY_GB',
    default: null,
    help: 'GiB of memory to rent out; default: all',
    parse: maybe(positive),
  }),
  simulateGpu: setting({
    flag: '--simulate-gpu',
    value: '<model:count>',
    env: 'COMPUTE_SIMULATE_GPU',
    default: null,
    help: 'Pretend to have GPUs, such as "NVIDIA H200:8" (development edges only)',
    parse: maybe(simulateGpu),
  }),
  prepull: setting({
    flag: '--prepull',
    value: '<yes|no>',
    env: 'COMPUTE_PREPULL',
    default: 'yes',
    help: 'Pull the images of --images that are not here yet, before somebody waits for one',
    parse: z
      .string()
      .pipe(z.enum(['yes', 'no'], 'yes or no'))
      .transform((s) => s === 'yes'),
  }),
}
