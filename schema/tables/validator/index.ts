export * from './proofs.ts'
export * from './subnet.ts'
export * from './weights.ts'
