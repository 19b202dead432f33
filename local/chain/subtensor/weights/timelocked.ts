import type { Context } from '../../types.ts'

export function revealTimelocked(_ctx: Context, _netuid: number): void {}
