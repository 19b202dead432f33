import type { PalletText } from '../types.ts'

/** What every chain of this kind declares: the frame around the pallets, as node-subtensor spec 425 has it. Grammar: scale/text.ts. */
export const FRAME_TYPES = `
  AccountId = sp_core::crypto::AccountId32 ([u8;32])
  H256 = primitive_types::H256 ([u8;32])
  Address = sp_runtime::multiaddress::MultiAddress<AccountId=AccountId,AccountIndex=()> Id 0: AccountId | Index 1: Compact<()> | Raw 2: Vec<u8> | Address32 3: [u8;32] | Address20 4: [u8;20]
  Signature = sp_runtime::MultiSignature Ed25519 0: [u8;64] | Sr25519 1: [u8;64] | Ecdsa 2: [u8;65]
  Weight = sp_weights::weight_v2::Weight {ref_time/proof_size Compact<u64>}
  DispatchClass = frame_support::dispatch::DispatchClass Normal 0 | Operational 1 | Mandatory 2
  Pays = frame_support::dispatch::Pays Yes 0 | No 1
  DispatchInfo = frame_system::DispatchEventInfo {weight Weight, class DispatchClass, pays_fee Pays}
  ModuleError = sp_runtime::ModuleError {index u8, error [u8;4]}
  TokenError = sp_runtime::TokenError FundsUnavailable 0 | OnlyProvider 1 | BelowMinimum 2 | CannotCreate 3 | UnknownAsset 4 | Frozen 5 | Unsupported 6 | CannotCreateHold 7 | NotExpendable 8 | Blocked 9
  ArithmeticError = sp_arithmetic::ArithmeticError Underflow 0 | Overflow 1 | DivisionByZero 2
  TransactionalError = sp_runtime::TransactionalError LimitReached 0 | NoLayer 1
  DispatchError = sp_runtime::DispatchError Other 0 | CannotLookup 1 | BadOrigin 2 | Module 3: ModuleError | ConsumerRemaining 4 | NoProviders 5 | TooManyConsumers 6 | Token 7: TokenError | Arithmetic 8: ArithmeticError | Transactional 9: TransactionalError | Exhausted 10 | Corruption 11 | Unavailable 12 | RootNotAllowed 13
  Phase = frame_system::Phase ApplyExtrinsic 0: u32 | Finalization 1 | Initialization 2
  EventRecord = frame_system::EventRecord<E=RuntimeEvent,T=H256> {phase Phase, event RuntimeEvent, topics Vec<H256>}
  DigestItem = sp_runtime::generic::digest::DigestItem PreRuntime 6: [u8;4], Vec<u8> | Consensus 4: [u8;4], Vec<u8> | Seal 5: [u8;4], Vec<u8> | Other 0: Vec<u8> | RuntimeEnvironmentUpdated 8
  Digest = sp_runtime::generic::digest::Digest {logs Vec<DigestItem>}
  AccountData = pallet_balances::types::AccountData<Balance=u64> {free/reserved/frozen u64, flags ExtraFlags}
  ExtraFlags = pallet_balances::types::ExtraFlags (u128)
  AccountInfo = frame_system::AccountInfo<Nonce=u32,AccountData=AccountData> {nonce/consumers/providers/sufficients u32, data AccountData}
  LastUpgrade = frame_system::LastRuntimeUpgradeInfo {spec_version Compact<u32>, spec_name str}
  UncheckedExtrinsic = fp_self_contained::unchecked_extrinsic::UncheckedExtrinsic<Address=Address,Call=RuntimeCall,Signature=Signature,Extra=Extra> (InnerExtrinsic)
  InnerExtrinsic = sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic<Address=Address,Call=RuntimeCall,Signature=Signature,Extra=Extra> (Vec<u8>)
  Runtime = node_subtensor_runtime::Runtime {}
  Header = sp_runtime::generic::header::Header<Number=u32,Hash=> {parent_hash H256, number Compact<u32>, state_root/extrinsics_root H256, digest Digest}
  OpaqueMetadata = sp_core::OpaqueMetadata (Vec<u8>)
  MetadataHashMode = frame_metadata_hash_extension::Mode Disabled 0 | Enabled 1
  RuntimeVersion = sp_version::RuntimeVersion {spec_name/impl_name str, authoring_version/spec_version/impl_version u32, apis Vec<([u8;8],u32)>, transaction_version u32, system_version u8}
`

export const FRAME_PALLETS: Record<string, PalletText> = {
  System: {
    index: 0,
    path: 'frame_system',
    // ExtraFlags says "new logic" by its top bit, so an account that never was is not all zeros.
    storage: `
      Account: B AccountId => AccountInfo = {"data":{"flags":"170141183460469231731687303715884105728"}}
      ExtrinsicCount: => u32?; BlockHash: T u32 => H256; Number: => u32; ParentHash: => H256; Digest: => Digest
      Events: => Vec<EventRecord>; EventCount: => u32; LastRuntimeUpgrade: => LastUpgrade?`,
    calls: 'remark 0: remark Vec<u8>; remark_with_event 7: remark Vec<u8>',
    events: `ExtrinsicSuccess 0: dispatch_info DispatchInfo; ExtrinsicFailed 1: dispatch_error DispatchError, dispatch_info DispatchInfo
      CodeUpdated 2; NewAccount 3: account AccountId; KilledAccount 4: account AccountId; Remarked 5: sender AccountId, hash H256`,
    errors: 'InvalidSpecName 0; SpecVersionNeedsToIncrease 1; CallFiltered 5',
    constants: 'BlockHashCount u32 = 2400; SS58Prefix u16 = 42; Version RuntimeVersion = {}',
  },
  Timestamp: {
    index: 2,
    path: 'pallet_timestamp',
    storage: 'Now: => u64; DidUpdate: => bool',
    calls: 'set 0: now Compact<u64>',
    constants: 'MinimumPeriod u64 = 6000',
  },
  Balances: {
    index: 5,
    path: 'pallet_balances',
    storage: 'TotalIssuance: => u64',
    calls: `transfer_allow_death 0: dest Address, value Compact<u64>; transfer_keep_alive 3: dest Address, value Compact<u64>
      transfer_all 4: dest Address, keep_alive bool`,
    events: `Endowed 0: account AccountId, free_balance u64; Transfer 2: from AccountId, to AccountId, amount u64
      Deposit 7: who AccountId, amount u64; Withdraw 8: who AccountId, amount u64`,
    errors: 'VestingBalance 0; LiquidityRestrictions 1; InsufficientBalance 2; ExistentialDeposit 3; Expendability 4',
    constants: 'ExistentialDeposit u64 = 500',
  },
  TransactionPayment: {
    index: 6,
    path: 'pallet_transaction_payment',
    events: 'TransactionFeePaid 0: who AccountId, actual_fee u64, tip u64',
  },
}

export const FRAME_APIS: Record<string, { version: number; methods: string }> = {
  Core: { version: 5, methods: 'version: => RuntimeVersion' },
  Metadata: { version: 2, methods: 'metadata: => OpaqueMetadata; metadata_at_version: version u32 => Option<OpaqueMetadata>; metadata_versions: => Vec<u32>' },
  AccountNonceApi: { version: 1, methods: 'account_nonce: account AccountId => u32' },
}

/** What a signed extrinsic carries besides call and signature, in wire order: what it holds itself, and what is only signed over. */
export type Extension = { name: string; path: string; holds: string; implicit: string }

const system = (name: string, module: string, implicit: string): Extension => ({
  name,
  path: `frame_system::extensions::${module}::${name}`,
  holds: '()',
  implicit,
})
const empty = (name: string, path: string): Extension => ({ name, path: `${path}::${name}`, holds: '()', implicit: '()' })

export const EXTENSIONS: Extension[] = [
  system('CheckNonZeroSender', 'check_non_zero_sender', '()'),
  system('CheckSpecVersion', 'check_spec_version', 'u32'),
  system('CheckTxVersion', 'check_tx_version', 'u32'),
  system('CheckGenesis', 'check_genesis', 'H256'),
  { name: 'CheckMortality', path: 'node_subtensor_runtime::check_mortality::CheckMortality', holds: '(Era)', implicit: 'H256' },
  { name: 'CheckNonce', path: 'node_subtensor_runtime::check_nonce::CheckNonce', holds: '(Compact<u32>)', implicit: '()' },
  system('CheckWeight', 'check_weight', '()'),
  {
    name: 'ChargeTransactionPayment',
    path: 'pallet_transaction_payment::ChargeTransactionPayment',
    holds: '(Compact<u64>)',
    implicit: '()',
  },
  empty('SudoTransactionExtension', 'node_subtensor_runtime::sudo_wrapper'),
  empty('CheckShieldedTxValidity', 'pallet_shield::extension'),
  empty('SubtensorTransactionExtension', 'pallet_subtensor::extensions::subtensor'),
  empty('DrandPriority', 'pallet_drand::drand_priority'),
  { name: 'CheckMetadataHash', path: 'frame_metadata_hash_extension::CheckMetadataHash', holds: '{mode MetadataHashMode}', implicit: 'Option<[u8;32]>' },
]
