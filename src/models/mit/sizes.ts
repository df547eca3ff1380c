/** @file The geometries of SegFormer's encoders: a variant is a few lines of plain options. Imports nothing. */
/** A value for each stage, from the shallow to the deep. */
export type Stages<T> = readonly [T, T, T, T]

export interface MitOptions {
  /** Channels. */
  readonly embedDims: Stages<number>
  /** Blocks. */
  readonly depths: Stages<number>
  readonly heads: Stages<number>
  readonly mlpRatios: Stages<number>
  /** Keys and values are taken from a map that is this many times smaller each way. */
  readonly srRatios: Stages<number>
  /** From one patch to the next: pixels for the first stage, places of the stage before for the others. */
  readonly strides: Stages<number>
  /** Largest stochastic-depth rate; block i of n, over all stages, drops with dropPath * i / (n - 1). */
  readonly dropPath: number
}

const MIT = {
  embedDims: [64, 128, 320, 512],
  heads: [1, 2, 5, 8],
  mlpRatios: [4, 4, 4, 4],
  srRatios: [8, 4, 2, 1],
  strides: [4, 2, 2, 2],
  dropPath: 0.1,
} as const

/** Mix transformers (Xie et al. 2021, table 6). */
export const mit = {
  'mit-b0': { ...MIT, embedDims: [32, 64, 160, 256], depths: [2, 2, 2, 2] },
  'mit-b1': { ...MIT, depths: [2, 2, 2, 2] },
  'mit-b2': { ...MIT, depths: [3, 4, 6, 3] },
  'mit-b3': { ...MIT, depths: [3, 4, 18, 3] },
  'mit-b4': { ...MIT, depths: [3, 8, 27, 3] },
  'mit-b5': { ...MIT, depths: [3, 6, 40, 3] },
} as const satisfies Record<string, MitOptions>

export type MitName = keyof typeof mit

/** The sizes of a file's encoder. */
export interface MitSizes {
  /** '2, 2, 2, 2 blocks of width 64, 128, 320, 512' */
  readonly words: string
  /** Of a published geometry. */
  readonly name: MitName | undefined
}

/** By the names and shapes of weights under SegFormer's names. */
export function mitSizes(weights: ReadonlyMap<string, { readonly shape: readonly number[] }>): MitSizes {
  const stages = [1, 2, 3, 4]
  const widths = stages.map(stage => weights.get(`patch_embed${stage}.proj.weight`)?.shape[0] ?? 'no')
  const depths = stages.map(stage => {
    const own = [...weights.keys()].map(name => new RegExp(`^block${stage}\\.(\\d+)\\.`).exec(name)?.[1])
    return Math.max(0, ...own.map(index => (index === undefined ? 0 : Number(index) + 1)))
  })
  const words = described(depths, widths)
  const names = Object.keys(mit) as MitName[]
  return { words, name: names.find(name => described(mit[name].depths, mit[name].embedDims) === words) }
}

function described(depths: readonly number[], widths: readonly (number | string)[]): string {
  return `${depths.join(', ')} blocks of width ${widths.join(', ')}`
}
