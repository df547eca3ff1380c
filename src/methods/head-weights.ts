/** @file Weights of attention heads over images. Plain numbers, for the report. */
/** Statistics of every head over `views` views of images. */
export interface HeadWeights {
  readonly views: number
  /** [heads][layers] */
  readonly mean: readonly (readonly number[])[]
  /** Standard deviation over the views [heads][layers]: 0 for weights that no image changes. */
  readonly deviation: readonly (readonly number[])[]
}

/** Sums over the views seen so far. */
export interface HeadWeightMeter {
  /** weights [views, heads * depth], at head * depth + layer. */
  add(weights: Float32Array): void
  /** The statistics, undefined without a view; resets them. */
  take(): HeadWeights | undefined
}

/** Statistics over the views of all parts; undefined without any. */
export function joinHeadWeights(parts: readonly HeadWeights[]): HeadWeights | undefined {
  const [first] = parts
  if (first === undefined) return undefined
  const views = parts.reduce((sum, part) => sum + part.views, 0)
  const table = (value: (part: HeadWeights, head: number, layer: number) => number): number[][] =>
    first.mean.map((layers, head) =>
      layers.map(
        (_, layer) => parts.reduce((sum, part) => sum + part.views * value(part, head, layer), 0) / views,
      ),
    )
  const mean = table((part, head, layer) => part.mean[head]![layer]!)
  const squares = table(
    (part, head, layer) => part.deviation[head]![layer]! ** 2 + part.mean[head]![layer]! ** 2,
  )
  const deviation = squares.map((layers, head) =>
    layers.map((square, layer) => Math.sqrt(Math.max(0, square - mean[head]![layer]! ** 2))),
  )
  return { views, mean, deviation }
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
  const read = (): HeadWeights | undefined => {
    if (views === 0) return undefined
    const mean = (i: number): number => sums[i]! / views
    return {
      views,
      mean: table(mean),
      deviation: table(i => Math.sqrt(Math.max(0, squares[i]! / views - mean(i) ** 2))),
    }
  }
  return {
    take() {
      const taken = read()
      sums.fill(0)
      squares.fill(0)
      views = 0
      return taken
    },
    add(weights) {
      for (const [i, weight] of weights.entries()) {
        sums[i % all]! += weight
        squares[i % all]! += weight ** 2
      }
      views += weights.length / all
    },
  }
}
