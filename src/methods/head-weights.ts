/** @file How much each attention head counted in the pictures a network has mapped. Plain numbers: the report reads them. */

/** Of every head, over `views` looks at pictures. */
export interface HeadWeights {
  readonly views: number
  /** [heads][layers] */
  readonly mean: readonly (readonly number[])[]
  /** Standard deviation over the views [heads][layers]: 0 for weights that no picture changes. */
  readonly deviation: readonly (readonly number[])[]
}

/** Sums over the views seen so far. */
export interface HeadWeightMeter {
  /** weights [views, heads * depth], at head * depth + layer. */
  add(weights: Float32Array): void
  /** Undefined before the first view. */
  read(): HeadWeights | undefined
}

export function headWeightMeter({ heads, depth }: { heads: number; depth: number }): HeadWeightMeter {
  const all = heads * depth
  const sums = new Float64Array(all)
  const squares = new Float64Array(all)
  let views = 0
  const table = (value: (i: number) => number): number[][] =>
    Array.from({ length: heads }, (_, head) =>
      Array.from({ length: depth }, (_, layer) => value(head * depth + layer)),
    )
  return {
    add(weights) {
      for (const [i, weight] of weights.entries()) {
        sums[i % all]! += weight
        squares[i % all]! += weight ** 2
      }
      views += weights.length / all
    },
    read() {
      if (views === 0) return undefined
      const mean = (i: number): number => sums[i]! / views
      return {
        views,
        mean: table(mean),
        deviation: table(i => Math.sqrt(Math.max(0, squares[i]! / views - mean(i) ** 2))),
      }
    },
  }
}
