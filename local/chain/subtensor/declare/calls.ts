/** Calls of SubtensorModule, spec 425, that the development chain carries out. */
const SERVED = 'netuid u16, version u32, ip u128, port u16, ip_type u8'
const AXON = `${SERVED}, protocol/placeholder1/placeholder2 u8`
const WEIGHTS = 'dests/weights Vec<u16>, version_key u64'
const REVEAL = 'uids/values/salt Vec<u16>, version_key u64'
const TIMELOCKED = 'commit BoundedVec<u8>, reveal_round u64'

const WEIGHT_CALLS = `
  set_weights 0: netuid u16, ${WEIGHTS}
  batch_set_weights 80: netuids Vec<Compact<u16>>, weights Vec<Vec<(Compact<u16>,Compact<u16>)>>, version_keys Vec<Compact<u64>>
  set_mechanism_weights 119: netuid u16, mecid u8, ${WEIGHTS}
  commit_weights 96: netuid u16, commit_hash H256
  batch_commit_weights 100: netuids Vec<Compact<u16>>, commit_hashes Vec<H256>
  commit_mechanism_weights 115: netuid u16, mecid u8, commit_hash H256
  reveal_weights 97: netuid u16, ${REVEAL}
  reveal_mechanism_weights 116: netuid u16, mecid u8, ${REVEAL}
  batch_reveal_weights 98: netuid u16, uids_list/values_list/salts_list Vec<Vec<u16>>, version_keys Vec<u64>
  commit_timelocked_weights 113: netuid u16, ${TIMELOCKED}, commit_reveal_version u16
  commit_timelocked_mechanism_weights 118: netuid u16, mecid u8, ${TIMELOCKED}, commit_reveal_version u16
  commit_crv3_mechanism_weights 117: netuid u16, mecid u8, ${TIMELOCKED}`

const SERVING_CALLS = `
  serve_axon 4: ${AXON}
  serve_axon_tls 40: ${AXON}, certificate Vec<u8>
  serve_prometheus 5: ${SERVED}`

const PAID_CALLS = `
  register 6: netuid u16, _block_number/_nonce u64, _work Vec<u8>, hotkey/_coldkey AccountId
  burned_register 7: netuid u16, hotkey AccountId
  root_register 62: hotkey AccountId
  register_limit 134: netuid u16, hotkey AccountId, limit_price u64
  set_tempo 139: netuid u16, tempo u16
  set_activity_cutoff_factor 140: netuid u16, factor_milli u32
  trigger_epoch 141: netuid u16`

export const CALLS = [WEIGHT_CALLS, SERVING_CALLS, PAID_CALLS].join('\n')

/** Pays::No: a hotkey needs no balance for them. */
export const FREE = [WEIGHT_CALLS, SERVING_CALLS]
  .flatMap((text) => text.trim().split('\n'))
  .map((line) => line.trim().split(' ')[0] ?? '')
  .join(' ')
