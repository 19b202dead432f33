import { describe, expect, test } from 'vitest'
import { ChainError, dispatched, refused } from './errors.ts'
import { DISPATCH, INVALID, POOL_CODES, POOL_CUSTOM } from './refusals.ts'

const custom = (n: number) => refused('author_submitExtrinsic', { code: 1010, message: 'Invalid Transaction', data: `Custom error: ${n}` })

describe('what the pool refuses', () => {
  // CustomTransactionError of the runtime in the order of its numbers; 1 goes by the name of the dispatch error.
  const NAMES =
    'ColdkeyInSwapSchedule NotEnoughStakeToSetWeights BalanceTooLow SubnetNotExists HotkeyAccountDoesntExist NotEnoughStakeToWithdraw RateLimitExceeded InsufficientLiquidity SlippageTooHigh TransferDisallowed HotKeyNotRegisteredInNetwork InvalidIpAddress ServingRateLimitExceeded InvalidPort ZeroMaxAmount InvalidRevealRound CommitNotFound CommitBlockNotInRevealRange InputLengthsUnequal UidNotFound EvmKeyAssociateRateLimitExceeded ColdkeySwapDisputed InvalidRealAccount FailedShieldedTxParsing InvalidShieldedTxPubKeyHash NonAssociatedColdKey'.split(
      ' ',
    )

  test.each([...NAMES.map((name, n) => [n, name] as const), [255, 'BadRequest'] as const])('custom error %i is %s', (n, name) => {
    expect(custom(n)).toMatchObject({ code: name, kind: 'pool' })
  })

  test('one that is newer keeps its number', () => {
    expect(custom(99)).toMatchObject({ code: 'Custom99', kind: 'pool', retryable: false })
  })

  test.each([
    [1010, 'Invalid Transaction', 'Transaction is outdated', 'Stale', true],
    [1010, 'Invalid Transaction', 'Transaction will be valid in the future', 'Future', true],
    [1010, 'Invalid Transaction', 'Transaction has a bad signature', 'BadProof', true],
    [1010, 'Invalid Transaction', 'Transaction has an ancient birth block', 'AncientBirthBlock', true],
    [1010, 'Invalid Transaction', 'Inability to pay some fees (e.g. account balance too low)', 'Payment', false],
    [1010, 'Invalid Transaction', 'Transaction would exhaust the block limits', 'ExhaustsResources', true],
    [1010, 'Invalid Transaction', 'Transaction call is not expected', 'CallFiltered', false],
    [1010, 'Invalid Transaction', 'Transaction dispatch is mandatory; transactions must not be validated.', 'BadMandatory', false],
    [1010, 'Invalid Transaction', 'Something new', 'InvalidTransaction', false],
    [1011, 'Unknown Transaction Validity', 'Could not lookup information required to validate the transaction', 'CannotLookup', true],
    [1012, 'Transaction is temporarily banned', undefined, 'TemporarilyBanned', true],
    [1013, 'Transaction Already Imported', undefined, 'AlreadyImported', true],
    [1014, 'Priority is too low: (1 vs 1)', 'The transaction has too low priority to replace another transaction already in the pool.', 'PriorityTooLow', true],
    [1016, 'Immediately Dropped', 'The transaction couldn’t enter the pool because of the limit', 'ImmediatelyDropped', true],
  ])('%i %s: %s is %s', (code, message, data, name, retryable) => {
    expect(refused('author_submitExtrinsic', { code, message, data })).toMatchObject({ code: name, kind: 'pool', retryable })
  })
})

test.each([
  [{ code: 4003, message: 'Client error: UnknownBlock: State already discarded for 0x12' }, 'StateDiscarded', 'request'],
  [{ code: -32601, message: 'Method not found' }, 'MethodNotFound', 'request'],
  [{ code: -32005, message: 'too many requests' }, 'EndpointBusy', 'connection'],
  [{ code: -32000, message: 'odd' }, 'Refused', 'request'],
])('a node that answers %j', (failure, code, kind) => {
  const error = refused('state_call', failure)
  expect(error).toMatchObject({ code, kind })
  expect(error.message).toContain(failure.message)
})

describe('what fails inside a block', () => {
  test.each([
    ['SubtensorModule.SettingWeightsTooFast', 'SettingWeightsTooFast', true],
    ['SubtensorModule.CommittingWeightsTooFast', 'CommittingWeightsTooFast', true],
    ['SubtensorModule.NeuronNoValidatorPermit', 'NeuronNoValidatorPermit', false],
    ['SubtensorModule.CommitRevealEnabled', 'CommitRevealEnabled', false],
    ['SubtensorModule.ServingRateLimitExceeded', 'ServingRateLimitExceeded', true],
    ['Token.FundsUnavailable', 'FundsUnavailable', false],
    ['BadOrigin', 'BadOrigin', false],
  ])('%s', (name, code, retryable) => {
    expect(dispatched('SubtensorModule.set_weights', name, '')).toMatchObject({ code, kind: 'dispatch', retryable })
  })

  test('an unknown one keeps the chain’s name and what its metadata says', () => {
    const error = dispatched('SubtensorModule.set_weights', 'SubtensorModule.BrandNew', 'Mondays only.')
    expect(error).toBeInstanceOf(ChainError)
    expect(error).toMatchObject({ code: 'BrandNew', retryable: false })
    expect(error.message).toContain('SubtensorModule.BrandNew: Mondays only')
  })
})

test('every refusal says what to do, in a sentence of its own', () => {
  const all = [...Object.values(POOL_CUSTOM), ...INVALID, ...Object.values(POOL_CODES), ...Object.values(DISPATCH)]
  for (const { name, fix } of all) expect(fix, name).toMatch(/^[A-Z].{10,}[^.]$/)
})
