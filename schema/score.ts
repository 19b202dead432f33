import type { ProvedGpus } from './publication.ts'

/** The cards a score is for; null: none. */
export type Gpus = ProvedGpus | null

/** Where one number came from, for people. */
export type Factor = {
  /** One word, such as `catalog`, `cards`, `scale`, `reliability`, `penalty`, `proof_age`, `peers`. */
  name: string
  value: number
  /** What it is of, and where from: "NVIDIA H200, catalogue of 2026-11-21". */
  from: string
}

/** Everything a score came from: in the end `score = product of the values`, or it is zero, or kept, for the reason given. */
export type Factors = { factors: Factor[]; note: string | null }
