/**
 * What weights come to. This is not Yuma consensus: bonds have no memory, there is no liquid alpha, and numbers are floats. What agents
 * look at is there all the same: shares follow the stake behind the weights, a minority's high weight is cut to what the majority by
 * stake gives, and validators earn by how much they agree. Nothing here is money.
 */
export type Row = [uid: number, weight: number][]

export type Outcome = {
  /** Each 0 to 1. Incentive and dividends sum up to 1, or are all 0. */
  incentive: number[]
  consensus: number[]
  validatorTrust: number[]
  dividends: number[]
}

/** `stake[uid]` sums up to 1 over those who count; `kappa` is the part of stake that makes a majority. */
export function consensus(stake: number[], rows: Map<number, Row>, kappa: number): Outcome {
  const n = stake.length
  const votes = [...rows].flatMap(([uid, row]) => {
    const part = stake[uid] ?? 0
    return part > 0 ? [{ uid, part, weights: normalRow(row, n) }] : []
  })
  const agreed = stake.map((_, of) =>
    majority(
      votes.map(({ part, weights }) => ({ part, weight: weights[of] ?? 0 })),
      kappa,
    ),
  )
  const clipped = votes.map((vote) => ({ ...vote, weights: vote.weights.map((weight, of) => Math.min(weight, agreed[of] ?? 0)) }))
  const incentive = normal(stake.map((_, of) => total(clipped.map(({ part, weights }) => part * (weights[of] ?? 0)))))
  const validatorTrust = Array<number>(n).fill(0)
  const dividends = Array<number>(n).fill(0)
  for (const { uid, part, weights } of clipped) {
    validatorTrust[uid] = total(weights)
    dividends[uid] = part * total(weights.map((weight, of) => weight * (incentive[of] ?? 0)))
  }
  return { incentive, consensus: agreed, validatorTrust, dividends: normal(dividends) }
}

/** The highest weight that more than `kappa` of the stake gives at least. */
function majority(votes: { part: number; weight: number }[], kappa: number): number {
  let behind = 0
  for (const { part, weight } of votes.toSorted((a, b) => b.weight - a.weight)) {
    behind += part
    if (behind > kappa) return weight
  }
  return 0
}

function normalRow(row: Row, n: number): number[] {
  const weights = Array<number>(n).fill(0)
  for (const [uid, weight] of row) if (uid < n) weights[uid] = weight
  return normal(weights)
}

/** To a sum of 1; all zeros stay. */
export function normal(values: number[]): number[] {
  const sum = total(values)
  return sum === 0 ? values : values.map((value) => value / sum)
}

function total(values: number[]): number {
  return values.reduce((a, b) => a + b, 0)
}

/** The `most` with the highest stake, nobody without; of equals the higher uid. Source: spec 425, is_topk_nonzero. */
export function permits(stake: bigint[], most: number): boolean[] {
  const ordered = stake.map((rao, uid) => ({ rao, uid })).toSorted((a, b) => (a.rao < b.rao ? 1 : a.rao > b.rao ? -1 : b.uid - a.uid))
  const chosen = new Set(ordered.slice(0, most).map(({ uid }) => uid))
  return stake.map((rao, uid) => rao > 0n && chosen.has(uid))
}
