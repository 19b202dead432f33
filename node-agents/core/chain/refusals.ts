/**
 * What the chain's refusals mean for who asked. Names are the runtime's (pallet_subtensor, its transaction extension, sp_runtime).
 * `later`: the same may work later without anybody changing anything.
 */
export type Refusal = { name: string; fix: string; later: boolean }

const now = (name: string, fix: string): Refusal => ({ name, fix, later: false })
const later = (name: string, fix: string): Refusal => ({ name, fix, later: true })

const REGISTER = 'Register the hotkey on this subnet (btcli subnet register) and check --netuid'
const STAKE = 'Stake more to this hotkey: the subnet takes weights only above the stake threshold'
const WAIT_WEIGHTS = 'Wait until the weights rate limit of the subnet has passed'
const WAIT_SERVE = 'Wait until the serving rate limit of the subnet has passed'
const ADDRESS = 'Announce a public address of this machine, not loopback and not 255.255.255.255'
const PORT = 'Announce a port between 1 and 65535'
const ROUND = 'The drand round lies in the past: check the clock of this machine; it is worked out anew for the next try'
const LENGTHS = 'Give as many values as uids: this is a fault of the program, please report it'
const OURS = 'This is a fault of the program, please report it'
const COLDKEY = 'Only the coldkey can put that right'
const NOT_OURS = 'This program makes no such call: another program uses this key'

/**
 * "Custom error: N" of 1010: `CustomTransactionError` of the runtime. Where a dispatch error says the same by another name, it has that one
 * (1 is StakeAmountTooLow there).
 */
export const POOL_CUSTOM: Record<number, Refusal> = {
  0: later('ColdkeyInSwapSchedule', 'The coldkey is being swapped: wait until that is over'),
  1: now('NotEnoughStakeToSetWeights', STAKE),
  2: now('BalanceTooLow', 'Put TAO on the account that pays'),
  3: now('SubnetNotExists', 'There is no such subnet on this network: check --netuid and --chain'),
  4: now('HotkeyAccountDoesntExist', REGISTER),
  5: now('NotEnoughStakeToWithdraw', NOT_OURS),
  6: later('RateLimitExceeded', WAIT_WEIGHTS),
  7: later('InsufficientLiquidity', NOT_OURS),
  8: later('SlippageTooHigh', NOT_OURS),
  9: now('TransferDisallowed', NOT_OURS),
  10: now('HotKeyNotRegisteredInNetwork', REGISTER),
  11: now('InvalidIpAddress', ADDRESS),
  12: later('ServingRateLimitExceeded', WAIT_SERVE),
  13: now('InvalidPort', PORT),
  14: now('ZeroMaxAmount', NOT_OURS),
  15: later('InvalidRevealRound', ROUND),
  16: now('CommitNotFound', 'There is nothing to reveal: it was revealed already, has expired, or the salt is another one'),
  17: later('CommitBlockNotInRevealRange', 'A commitment is revealed in one certain epoch: it is too early, or it has expired'),
  18: now('InputLengthsUnequal', LENGTHS),
  19: now('UidNotFound', REGISTER),
  20: later('EvmKeyAssociateRateLimitExceeded', NOT_OURS),
  21: now('ColdkeySwapDisputed', COLDKEY),
  22: now('InvalidRealAccount', NOT_OURS),
  23: later('FailedShieldedTxParsing', NOT_OURS),
  24: later('InvalidShieldedTxPubKeyHash', NOT_OURS),
  25: now('NonAssociatedColdKey', 'This hotkey belongs to another coldkey: sign with the one that owns it'),
  26: now('DelegateTakeTooLow', NOT_OURS),
  27: now('DelegateTakeTooHigh', NOT_OURS),
  255: now('BadRequest', 'The chain finds the call itself bad: check --netuid, the stake and the registration of the hotkey'),
}

/** Substrate's own reasons of 1010, by the words of `InvalidTransaction`. */
export const INVALID: (Refusal & { words: RegExp })[] = [
  { ...later('Stale', 'Its nonce was used by another transaction of this key: it is signed anew'), words: /outdated|stale/i },
  { ...later('Future', 'An earlier transaction of this key is missing: it is signed anew'), words: /will be valid in the future|future/i },
  {
    ...later('BadProof', 'The signature does not fit this runtime: it is signed anew; if this stays, check --chain, then install a newer version'),
    words: /bad signature|bad ?proof/i,
  },
  { ...later('AncientBirthBlock', 'It was signed too long ago: it is signed anew'), words: /ancient birth/i },
  { ...now('Payment', 'The account that signs cannot pay the fee: put TAO on it'), words: /inability to pay|payment/i },
  { ...later('ExhaustsResources', 'The block is full: try again'), words: /exhausts|exhausted|block limits/i },
  {
    ...now('CallFiltered', 'The chain does not take this call now (safe mode, or filtered): look at what the chain announces'),
    words: /call is not expected|filtered/i,
  },
  { ...now('BadMandatory', OURS), words: /mandatory/i },
  { ...now('BadSigner', 'This key may not sign that'), words: /bad signer|invalid signing address/i },
  { ...later('CannotLookup', 'The node could not look something up: try again'), words: /could not lookup|cannot ?lookup/i },
]

/** JSON-RPC codes of the transaction pool (sc-rpc-api, author). */
export const POOL_CODES: Record<number, Refusal> = {
  1000: now('ClientError', 'Use another endpoint'),
  1001: now('BadFormat', 'The endpoint could not read the transaction: is it another chain? Check --chain'),
  1002: later('VerificationError', 'The node could not check the transaction: try again, or another endpoint'),
  1012: later('TemporarilyBanned', 'This very transaction failed a moment ago: wait half a minute'),
  1013: later('AlreadyImported', 'It is in the pool already: wait for it'),
  1014: later('PriorityTooLow', 'Another transaction of this key with the same nonce is in the pool: does a second program use this hotkey?'),
  1015: now('CycleDetected', OURS),
  1016: later('ImmediatelyDropped', 'The pool is full: try again later, or use another endpoint'),
  1018: later('InvalidBlockId', 'Try again, or another endpoint'),
  1019: now('Unactionable', 'The pool can do nothing with it: use another endpoint'),
  1020: now('UnsupportedKeyType', OURS),
}

const DISPATCHED: Refusal[] = [
  now('CommitRevealEnabled', 'This subnet wants commitments: use the timelocked commit'),
  now('CommitRevealDisabled', 'This subnet wants open weights: use set weights'),
  now('CanNotSetRootNetworkWeights', 'The root network takes no weights: check --netuid'),
  now('WeightVecNotEqualSize', LENGTHS),
  now('InputLengthsUnequal', LENGTHS),
  now('MechanismDoesNotExist', 'The subnet has fewer mechanisms: check the mechanism and --netuid'),
  now('UidsLengthExceedUidsInSubNet', 'More weights than uids: read the metagraph again'),
  now('HotKeyNotRegisteredInSubNet', REGISTER),
  now('HotKeyNotRegisteredInNetwork', REGISTER),
  now('HotKeyAccountNotExists', REGISTER),
  // Of older runtimes.
  now('NotRegistered', REGISTER),
  now('NotEnoughStakeToSetWeights', STAKE),
  now('IncorrectWeightVersionKey', 'The subnet asks for a newer version key: install a newer version'),
  later('SettingWeightsTooFast', WAIT_WEIGHTS),
  later('CommittingWeightsTooFast', WAIT_WEIGHTS),
  now('NeuronNoValidatorPermit', 'This hotkey has no validator permit: it needs more stake than the last permitted one'),
  now('DuplicateUids', OURS),
  now('UidVecContainInvalidOne', 'A uid is not on the subnet any more: read the metagraph again'),
  now('WeightVecLengthIsLow', 'The subnet wants weights for more uids (MinAllowedWeights)'),
  now('MaxWeightExceeded', 'One weight is above the limit of the subnet (MaxWeightsLimit): spread them'),
  later('TooManyUnrevealedCommits', 'Ten commitments wait for their epoch: wait until one is revealed'),
  now('IncorrectCommitRevealVersion', 'The chain speaks another version of commit-reveal: install a newer version'),
  later('InvalidRevealRound', ROUND),
  now('NoWeightsCommitFound', 'There is nothing to reveal: it was revealed already, or has expired'),
  now('ExpiredWeightCommit', 'The epoch of this commitment is over: commit anew'),
  later('RevealTooEarly', 'Wait for the epoch of this commitment'),
  now('InvalidRevealCommitHashNotMatch', 'Uids, values, salt and version key must be those of the commitment'),
  now('InvalidIpType', OURS),
  now('InvalidIpAddress', ADDRESS),
  now('InvalidPort', PORT),
  later('ServingRateLimitExceeded', WAIT_SERVE),
  now('RegistrationNotPermittedOnRootSubnet', 'Register on a subnet, not on the root network: check --netuid'),
  now('SubnetNotExists', 'There is no such subnet on this network: check --netuid and --chain'),
  now('SubNetRegistrationDisabled', 'The owner of the subnet has closed registration'),
  now('HotKeyAlreadyRegisteredInSubNet', 'It is registered already: nothing is to be done'),
  now('NotEnoughBalanceToStake', 'Put TAO on the coldkey: registration costs the burn and a fee'),
  now('NonAssociatedColdKey', 'This hotkey belongs to another coldkey: sign with the one that owns it'),
  later('NoNeuronIdAvailable', 'The subnet is full and all are immune: try again later'),
  now('RegistrationPriceLimitExceeded', 'Registration costs more than the limit given'),
  later('TooManyRegistrationsThisBlock', 'Try again in the next block'),
  later('TooManyRegistrationsThisInterval', 'Try again in the next interval'),
  now('NullConsensusRequiresU32Weights', 'This subnet has another consensus, which this program does not know: install a newer version'),
  now('NullConsensusRequiresPowRegistration', 'This subnet is registered to by proof of work: use btcli'),
  now('CallDisabled', 'The chain has switched this call off: look at what the chain announces'),
  now('CallFiltered', 'The chain does not take this call now (safe mode): look at what the chain announces'),
  now('BadOrigin', 'This key may not do that'),
  now('CannotLookup', OURS),
  later('Exhausted', 'The block is full: try again'),
  now('FundsUnavailable', 'Put TAO on the account that pays'),
  now('InsufficientBalance', 'Put TAO on the account that pays'),
]

/** Dispatch errors by their name. */
export const DISPATCH: Record<string, Refusal> = Object.fromEntries(DISPATCHED.map((refusal) => [refusal.name, refusal]))
