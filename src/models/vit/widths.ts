/** @file The geometries of DeiT: a variant is a few lines of plain options. Imports nothing. */
export interface VitOptions {
  readonly embedDim: number
  readonly depth: number
  readonly heads: number
  readonly patchSize: number
  readonly mlpRatio: number
  /** Largest stochastic-depth rate; block i of n drops with dropPath * i / (n - 1). */
  readonly dropPath: number
}

const DEIT = { depth: 12, patchSize: 16, mlpRatio: 4, dropPath: 0.1 } as const

/** DeiT (Touvron et al. 2021), table 1: tiny, small, base. */
export const deit = {
  'deit-ti': { ...DEIT, embedDim: 192, heads: 3 },
  'deit-s': { ...DEIT, embedDim: 384, heads: 6 },
  'deit-b': { ...DEIT, embedDim: 768, heads: 12 },
} as const satisfies Record<string, VitOptions>

/** A DeiT by its name, or other sizes. */
export type VitWidth =
  | keyof typeof deit
  | { readonly embedDim: number; readonly depth: number; readonly heads: number }

/** Sizes of the blocks; own widths have DeiT's feed-forward layers. */
export function vitSizes(width: VitWidth): Pick<VitOptions, 'embedDim' | 'depth' | 'heads' | 'mlpRatio'> {
  return typeof width === 'string' ? deit[width] : { ...width, mlpRatio: DEIT.mlpRatio }
}
