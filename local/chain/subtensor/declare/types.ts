/** Types of pallet_subtensor, spec 425. */
const INFO = 'pallet_subtensor::rpc_info'

/** Fields of a metagraph, in the order of the indices that get_selective_metagraph takes (0 is netuid). C: compact. */
const METAGRAPH: [fields: string, type: string][] = [
  ['name/symbol', 'Vec<Compact<u8>>'],
  ['identity', 'Option<SubnetIdentityV3>'],
  ['network_registered_at', 'Compact<u64>'],
  ['owner_hotkey/owner_coldkey', 'AccountId'],
  ['block', 'Compact<u64>'],
  ['tempo', 'Compact<u16>'],
  ['last_step/blocks_since_last_step/subnet_emission/alpha_in/alpha_out/tao_in/alpha_out_emission/alpha_in_emission', 'Compact<u64>'],
  ['tao_in_emission/pending_alpha_emission/pending_root_emission', 'Compact<u64>'],
  ['subnet_volume', 'Compact<u128>'],
  ['moving_price', 'I96F32'],
  ['rho/kappa/min_allowed_weights/max_weights_limit', 'Compact<u16>'],
  ['weights_version/weights_rate_limit/activity_cutoff', 'Compact<u64>'],
  ['max_validators/num_uids/max_uids', 'Compact<u16>'],
  ['burn/difficulty', 'Compact<u64>'],
  ['registration_allowed/pow_registration_allowed', 'bool'],
  ['immunity_period', 'Compact<u16>'],
  ['min_difficulty/max_difficulty/min_burn/max_burn/adjustment_alpha', 'Compact<u64>'],
  ['adjustment_interval/target_regs_per_interval/max_regs_per_block', 'Compact<u16>'],
  ['serving_rate_limit', 'Compact<u64>'],
  ['commit_reveal_weights_enabled', 'bool'],
  ['commit_reveal_period', 'Compact<u64>'],
  ['liquid_alpha_enabled', 'bool'],
  ['alpha_high/alpha_low', 'Compact<u16>'],
  ['bonds_moving_avg', 'Compact<u64>'],
  ['hotkeys/coldkeys', 'Vec<AccountId>'],
  ['identities', 'Vec<Option<ChainIdentityV2>>'],
  ['axons', 'Vec<AxonInfo>'],
  ['active/validator_permit', 'Vec<bool>'],
  ['pruning_score', 'Vec<Compact<u16>>'],
  ['last_update/emission', 'Vec<Compact<u64>>'],
  ['dividends/incentives/consensus/trust/rank', 'Vec<Compact<u16>>'],
  ['block_at_registration/alpha_stake/tao_stake/total_stake', 'Vec<Compact<u64>>'],
  ['tao_dividends_per_hotkey/alpha_dividends_per_hotkey', 'Vec<(AccountId,Compact<u64>)>'],
]
/** Only the selective one has these. */
const SELECTIVE: [fields: string, type: string][] = [
  ['validators', 'Vec<Compact<u16>>'],
  ['commitments', 'Vec<(AccountId,Vec<Compact<u8>>)>'],
]

/** Names of a selective metagraph's fields by index. */
export const METAGRAPH_FIELDS = ['netuid', ...[...METAGRAPH, ...SELECTIVE].flatMap(([names]) => names.split('/'))]

const whole = METAGRAPH.map(([names, type]) => `${names} ${type}`).join(', ')
const selective = [...METAGRAPH, ...SELECTIVE].map(([names, type]) => `${names} Option<${type}>`).join(', ')

const NEURON =
  'hotkey/coldkey AccountId, uid/netuid Compact<u16>, active bool, axon_info AxonInfo, prometheus_info PrometheusInfo, ' +
  'stake Vec<(AccountId,Compact<u64>)>, rank Compact<u16>, emission Compact<u64>, ' +
  'incentive/consensus/trust/validator_trust/dividends Compact<u16>, last_update Compact<u64>, validator_permit bool'

const HYPERPARAMETERS =
  'rho/kappa/immunity_period/min_allowed_weights/max_weights_limit/tempo Compact<u16>, ' +
  'min_difficulty/max_difficulty/weights_version/weights_rate_limit Compact<u64>, adjustment_interval Compact<u16>, activity_cutoff Compact<u64>, ' +
  'registration_allowed bool, target_regs_per_interval Compact<u16>, min_burn/max_burn/bonds_moving_avg Compact<u64>, ' +
  'max_regs_per_block Compact<u16>, serving_rate_limit Compact<u64>, max_validators Compact<u16>, ' +
  'adjustment_alpha/difficulty/commit_reveal_period Compact<u64>, commit_reveal_weights_enabled bool, alpha_high/alpha_low Compact<u16>, ' +
  'liquid_alpha_enabled bool'

const STATE =
  'netuid Compact<u16>, hotkeys/coldkeys Vec<AccountId>, active/validator_permit Vec<bool>, pruning_score Vec<Compact<u16>>, ' +
  'last_update/emission Vec<Compact<u64>>, dividends/incentives/consensus/trust/rank Vec<Compact<u16>>, ' +
  'block_at_registration/alpha_stake/tao_stake/total_stake Vec<Compact<u64>>, emission_history Vec<Vec<Compact<u64>>>'

/** What owners may change only so often, in the order of their indices. */
const HYPERPARAMETER_NAMES = (
  'Unknown ServingRateLimit MaxDifficulty AdjustmentAlpha MaxWeightLimit ImmunityPeriod MinAllowedWeights Kappa Rho ActivityCutoff ' +
  'PowRegistrationAllowed MinBurn MaxBurn BondsMovingAverage BondsPenalty CommitRevealEnabled LiquidAlphaEnabled AlphaValues ' +
  'WeightCommitInterval TransferEnabled AlphaSigmoidSteepness Yuma3Enabled BondsResetEnabled ImmuneNeuronLimit RecycleOrBurn MaxAllowedUids ' +
  'BurnHalfLife BurnIncreaseMult SubnetEmissionEnabled MinChildkeyTake ActivityCutoffFactorMilli TriggerEpoch'
)
  .split(' ')
  .map((name, index) => `${name} ${index}`)
  .join(' | ')

export const TYPES = `
  I32F32 = substrate_fixed::FixedI64<Frac=> {bits i64}
  I96F32 = substrate_fixed::FixedI128<Frac=> {bits i128}
  U64F64 = substrate_fixed::FixedU128<Frac=> {bits u128}
  U96F32 = substrate_fixed::FixedU128<Frac=> {bits u128}
  AxonInfo = pallet_subtensor::pallet::AxonInfo {block u64, version u32, ip u128, port u16, ip_type/protocol/placeholder1/placeholder2 u8}
  PrometheusInfo = pallet_subtensor::pallet::PrometheusInfo {block u64, version u32, ip u128, port u16, ip_type u8}
  NeuronCertificate = pallet_subtensor::pallet::NeuronCertificate {public_key BoundedVec<u8>, algorithm u8}
  RecycleOrBurnEnum = pallet_subtensor::pallet::RecycleOrBurnEnum Burn 0 | Recycle 1
  Hyperparameter = pallet_subtensor::utils::rate_limiting::Hyperparameter ${HYPERPARAMETER_NAMES}
  RateLimitKey = pallet_subtensor::RateLimitKey<AccountId=AccountId> SetSNOwnerHotkey 0: u16 | OwnerHyperparamUpdate 1: u16, Hyperparameter | NetworkLastRegistered 2 | LastTxBlock 3: AccountId | LastTxBlockChildKeyTake 4: AccountId | LastTxBlockDelegateTake 5: AccountId | AddStakeBurn 6: u16
  SubnetIdentityV3 = pallet_subtensor::pallet::SubnetIdentityV3 {subnet_name/github_repo/subnet_contact/subnet_url/discord/description/logo_url/additional Vec<u8>}
  ChainIdentityV2 = pallet_subtensor::pallet::ChainIdentityV2 {name/url/github_repo/image/discord/description/additional Vec<u8>}
  Metagraph = ${INFO}::metagraph::Metagraph<AccountId=AccountId> {netuid Compact<u16>, ${whole}}
  SelectiveMetagraph = ${INFO}::metagraph::SelectiveMetagraph<AccountId=AccountId> {netuid Compact<u16>, ${selective}}
  NeuronInfo = ${INFO}::neuron_info::NeuronInfo<AccountId=AccountId> {${NEURON}, weights/bonds Vec<(Compact<u16>,Compact<u16>)>, pruning_score Compact<u16>}
  NeuronInfoLite = ${INFO}::neuron_info::NeuronInfoLite<AccountId=AccountId> {${NEURON}, pruning_score Compact<u16>}
  SubnetHyperparams = ${INFO}::subnet_info::SubnetHyperparams {${HYPERPARAMETERS}}
  SubnetHyperparamsV2 = ${INFO}::subnet_info::SubnetHyperparamsV2 {${HYPERPARAMETERS}, alpha_sigmoid_steepness I32F32, yuma_version Compact<u16>, subnet_is_active/transfers_enabled/bonds_reset_enabled/user_liquidity_enabled bool}
  SubnetState = ${INFO}::show_subnet::SubnetState<AccountId=AccountId> {${STATE}}`
