/**
 * Storage of SubtensorModule as spec 425 declares it, as far as somebody reads it: names, hashers, key and value types, and defaults.
 * NetUid, NetUidStorageIndex and MechId show as u16, u16 and u8 in metadata; Tao and Alpha balances as u64 rao.
 * An "idx" key is mechanism · 4096 + netuid.
 */
const NEURONS = `
  Uids: I u16, B AccountId => u16?
  Keys: I u16, I u16 => AccountId
  Owner: B AccountId => AccountId
  OwnedHotkeys: B AccountId => Vec<AccountId>
  StakingHotkeys: B AccountId => Vec<AccountId>
  IsNetworkMember: B AccountId, I u16 => bool
  BlockAtRegistration: I u16, I u16 => u64
  Axons: I u16, B AccountId => AxonInfo?
  Prometheus: I u16, B AccountId => PrometheusInfo?
  NeuronCertificates: I u16, B AccountId => NeuronCertificate?
  IdentitiesV2: B AccountId => ChainIdentityV2?
  Delegates: B AccountId => u16 = 11796
  ParentKeys: B AccountId, I u16 => Vec<(u64,AccountId)>
  ChildKeys: B AccountId, I u16 => Vec<(u64,AccountId)>
  TotalHotkeyAlpha: B AccountId, I u16 => u64
  TotalHotkeyAlphaLastEpoch: B AccountId, I u16 => u64
  AlphaDividendsPerSubnet: I u16, B AccountId => u64
  RootAlphaDividendsPerSubnet: I u16, B AccountId => u64
  LastHotkeyEmissionOnNetuid: B AccountId, I u16 => u64
  Active: I u16 => Vec<bool>
  ValidatorPermit: I u16 => Vec<bool>
  StakeWeight: I u16 => Vec<u16>
  Consensus: I u16 => Vec<u16>
  Dividends: I u16 => Vec<u16>
  ValidatorTrust: I u16 => Vec<u16>
  Emission: I u16 => Vec<u64>
  Incentive: I u16 => Vec<u16>
  LastUpdate: I u16 => Vec<u64>
  Weights: I u16, I u16 => Vec<(u16,u16)>
  Bonds: I u16, I u16 => Vec<(u16,u16)>
  WeightCommits: T u16, T AccountId => Vec<(H256,u64,u64,u64)>?
  TimelockedWeightCommits: T u16, T u64 => Vec<(AccountId,u64,BoundedVec<u8>,u64)>`

const SUBNETS = `
  NetworksAdded: I u16 => bool
  NetworkRegisteredAt: I u16 => u64
  NetworkRegistrationAllowed: I u16 => bool = true
  NetworkPowRegistrationAllowed: I u16 => bool = true
  SubnetOwner: I u16 => AccountId
  SubnetOwnerHotkey: I u16 => AccountId
  SubnetIdentitiesV3: B u16 => SubnetIdentityV3?
  TokenSymbol: I u16 => Vec<u8> = "0xf09d9c8f"
  SubnetworkN: I u16 => u16
  SubnetMechanism: I u16 => u16
  MechanismCountCurrent: T u16 => u8 = 1
  MechanismEmissionSplit: T u16 => Vec<u16>?
  SubtokenEnabled: I u16 => bool
  TransferToggle: I u16 => bool = true
  FirstEmissionBlockNumber: I u16 => u64?
  Tempo: I u16 => u16 = 360
  LastEpochBlock: I u16 => u64
  PendingEpochAt: I u16 => u64
  SubnetEpochIndex: I u16 => u64
  BlocksSinceLastStep: I u16 => u64
  LastMechansimStepBlock: I u16 => u64
  ActivityCutoff: I u16 => u16 = 5000
  ActivityCutoffFactorMilli: I u16 => u32 = 13889
  MaxAllowedUids: I u16 => u16 = 256
  MinAllowedUids: I u16 => u16 = 64
  MinNonImmuneUids: I u16 => u16 = 10
  ImmuneOwnerUidsLimit: I u16 => u16 = 1
  ImmunityPeriod: I u16 => u16 = 4096
  MaxAllowedValidators: I u16 => u16 = 128
  MinAllowedWeights: I u16 => u16 = 1024
  MaxWeightsLimit: I u16 => u16 = 65535
  WeightsVersionKey: I u16 => u64
  WeightsSetRateLimit: I u16 => u64 = 100
  ServingRateLimit: I u16 => u64 = 50
  CommitRevealWeightsEnabled: I u16 => bool = true
  RevealPeriodEpochs: T u16 => u64 = 1
  Rho: I u16 => u16 = 10
  Kappa: I u16 => u16 = 32767
  AlphaSigmoidSteepness: I u16 => i16 = 1000
  BondsMovingAverage: I u16 => u64 = 900000
  BondsPenalty: I u16 => u16 = 65535
  BondsResetOn: I u16 => bool
  LiquidAlphaOn: B u16 => bool
  Yuma3On: B u16 => bool
  AlphaValues: I u16 => (u16,u16) = [45875, 58982]
  RecycleOrBurn: I u16 => RecycleOrBurnEnum
  MinerBurned: I u16 => U96F32
  Burn: I u16 => u64 = 100000000
  MinBurn: I u16 => u64 = 500000
  MaxBurn: I u16 => u64 = 100000000000
  BurnHalfLife: I u16 => u16 = 360
  BurnIncreaseMult: I u16 => U64F64 = {"bits": "23242897532874035200"}
  Difficulty: I u16 => u64 = 10000000
  MinDifficulty: I u16 => u64 = 10000000
  MaxDifficulty: I u16 => u64 = "4611686018427387903"
  AdjustmentInterval: I u16 => u16 = 100
  AdjustmentAlpha: I u16 => u64
  TargetRegistrationsPerInterval: I u16 => u16 = 2
  MaxRegistrationsPerBlock: I u16 => u16 = 1
  RegistrationsThisInterval: I u16 => u16
  BurnRegistrationsThisInterval: I u16 => u16
  POWRegistrationsThisInterval: I u16 => u16
  RegistrationsThisBlock: I u16 => u16
  LastAdjustmentBlock: I u16 => u64
  RAORecycledForRegistration: I u16 => u64
  ScalingLawPower: I u16 => u16 = 50`

const MONEY = `
  SubnetTAO: I u16 => u64
  SubnetAlphaIn: I u16 => u64
  SubnetAlphaOut: I u16 => u64
  SubnetTaoInEmission: I u16 => u64
  SubnetAlphaInEmission: I u16 => u64
  SubnetAlphaOutEmission: I u16 => u64
  PendingServerEmission: I u16 => u64
  PendingValidatorEmission: I u16 => u64
  PendingRootAlphaDivs: I u16 => u64
  PendingOwnerCut: I u16 => u64
  SubnetVolume: I u16 => u128
  SubnetMovingPrice: I u16 => I96F32
  SubnetOwnerCut: => u16 = 11796
  SubnetLocked: I u16 => u64
  TotalIssuance: => u64
  TotalStake: => u64
  BlockEmission: => u64 = 1000000000
  TaoWeight: => u64 = "971718665099567868"
  StakeThreshold: => u64
  TotalNetworks: => u16
  CommitRevealWeightsVersion: => u16 = 4
  MaxMechanismCount: => u8 = 2
  MaxEpochsPerBlock: => u8 = 2
  AdminFreezeWindow: => u16 = 10
  OwnerHyperparamRateLimit: => u16 = 2
  TxRateLimit: => u64 = 1000
  MinActivityCutoff: => u16 = 360
  TransactionKeyLastBlock: B AccountId, I u16, I u16 => u64
  LastRateLimitedBlock: I RateLimitKey => u64`

export const STORAGE = [NEURONS, SUBNETS, MONEY].join('\n')
