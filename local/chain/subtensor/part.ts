import type { Context, Pallet, Part } from '../types.ts'
import { selectiveMechagraph, selectiveMetagraph, wholeMetagraph } from './apis/metagraph.ts'
import { neurons, oneNeuron } from './apis/neurons.ts'
import { hyperparameters, hyperparametersV2, subnetState } from './apis/subnet.ts'
import { APIS } from './declare/apis.ts'
import { CALLS, FREE } from './declare/calls.ts'
import { ERRORS } from './declare/errors.ts'
import { EVENTS } from './declare/events.ts'
import { STORAGE } from './declare/storage.ts'
import { TYPES } from './declare/types.ts'
import { validate } from './extension.ts'
import { type Genesis, genesis } from './genesis.ts'
import { CONTROLS } from './controls.ts'
import { beginBlock } from './epoch/step.ts'
import { nextEpoch } from './epoch/schedule.ts'
import { ADMIN, ADMIN_PALLET, OWNER_CALLS } from './owner.ts'
import { REGISTRATION_CALLS } from './registration/calls.ts'
import { SERVING_CALLS } from './serving.ts'
import { BATCH_CALLS } from './weights/batch.ts'
import { COMMIT_CALLS } from './weights/commit.ts'
import { REVEAL_CALLS } from './weights/reveal.ts'
import { SET_CALLS } from './weights/set.ts'

const DEFAULTS: Genesis = { netuid: 27, tempo: 360, commitReveal: true, stakeThreshold: 0n, maxUids: 256, registered: false }

const SUBTENSOR: Pallet = {
  name: 'SubtensorModule',
  calls: { ...SET_CALLS, ...COMMIT_CALLS, ...REVEAL_CALLS, ...BATCH_CALLS, ...SERVING_CALLS, ...REGISTRATION_CALLS, ...OWNER_CALLS },
  onInitialize: beginBlock,
  validate,
  apis: {
    'NeuronInfoRuntimeApi.get_neurons': (ctx, netuid) => neurons(ctx, netuid as number, false),
    'NeuronInfoRuntimeApi.get_neurons_lite': (ctx, netuid) => neurons(ctx, netuid as number, true),
    'NeuronInfoRuntimeApi.get_neuron': (ctx, netuid, uid) => oneNeuron(ctx, netuid as number, uid as number, false),
    'NeuronInfoRuntimeApi.get_neuron_lite': (ctx, netuid, uid) => oneNeuron(ctx, netuid as number, uid as number, true),
    'SubnetInfoRuntimeApi.get_subnet_hyperparams': (ctx, netuid) => hyperparameters(ctx, netuid as number),
    'SubnetInfoRuntimeApi.get_subnet_hyperparams_v2': (ctx, netuid) => hyperparametersV2(ctx, netuid as number),
    'SubnetInfoRuntimeApi.get_subnet_state': (ctx, netuid) => subnetState(ctx, netuid as number),
    'SubnetInfoRuntimeApi.get_next_epoch_start_block': (ctx, netuid) => nextEpoch(ctx, netuid as number),
    'SubnetInfoRuntimeApi.get_metagraph': (ctx, netuid) => wholeMetagraph(ctx, netuid as number),
    'SubnetInfoRuntimeApi.get_selective_metagraph': (ctx, netuid, wanted) => selectiveMetagraph(ctx, netuid as number, wanted as number[]),
    'SubnetInfoRuntimeApi.get_selective_mechagraph': (ctx, netuid, mechanism, wanted) =>
      selectiveMechagraph(ctx, netuid as number, mechanism as number, wanted as number[]),
  },
}

/** Subnets, neurons and weights as spec 425 has them, with one subnet from the start. */
export function subtensor(options: Partial<Genesis> = {}): Part {
  return {
    types: TYPES,
    pallets: {
      SubtensorModule: { index: 7, path: 'pallet_subtensor', storage: STORAGE, calls: CALLS, events: EVENTS, errors: ERRORS, free: FREE },
      AdminUtils: ADMIN_PALLET,
    },
    apis: APIS,
    code: [SUBTENSOR, ADMIN],
    genesis: (ctx: Context) => genesis(ctx, { ...DEFAULTS, ...options }),
    dev: CONTROLS,
  }
}
