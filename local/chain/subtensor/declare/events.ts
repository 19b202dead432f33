/** Events of SubtensorModule, spec 425, that the development chain emits or that readers decode beside them. */
export const EVENTS = `
  NetworkAdded 0: u16, u16
  NetworkRemoved 1: u16
  WeightsSet 5: u16, u16
  NeuronRegistered 6: u16, u16, AccountId
  MaxAllowedUidsSet 9: u16, u16
  MinAllowedWeightSet 19: u16, u16
  WeightsSetRateLimitSet 22: u16, u64
  ImmunityPeriodSet 23: u16, u16
  MaxAllowedValidatorsSet 27: u16, u16
  AxonServed 28: u16, AccountId
  PrometheusServed 29: u16, AccountId
  WeightsVersionKeySet 32: u16, u64
  ServingRateLimitSet 35: u16, u64
  BurnSet 36: u16, u64
  MaxBurnSet 37: u16, u64
  MinBurnSet 38: u16, u64
  AdminFreezeWindowSet 43: u16
  RegistrationAllowed 50: u16, bool
  TempoSet 52: u16, u16
  RAORecycledForRegistrationSet 53: u16, u64
  StakeThresholdSet 54: u64
  WeightsCommitted 85: AccountId, u16, H256
  WeightsRevealed 86: AccountId, u16, H256
  WeightsBatchRevealed 87: AccountId, u16, Vec<H256>
  BatchWeightsCompleted 88: Vec<Compact<u16>>, AccountId
  BatchCompletedWithErrors 89
  BatchWeightItemFailed 90: u16, DispatchError
  CommitRevealPeriodsSet 100: u16, u64
  CommitRevealEnabled 101: u16, bool
  CommitRevealVersionSet 106: u16
  TimelockedWeightsCommitted 107: AccountId, u16, H256, u64
  TimelockedWeightsRevealed 108: u16, AccountId
  IncentiveAlphaEmittedToMiners 110: netuid u16, emissions Vec<u64>
  ActivityCutoffFactorMilliSet 130: netuid u16, factor_milli u32
  EpochTriggered 131: netuid u16, by AccountId, fires_at u64
  EpochDeferred 132: netuid u16, from_block u64, to_block u64
  EpochSkipped 133: netuid u16, block u64`
