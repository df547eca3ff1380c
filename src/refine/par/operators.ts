/** @file PAR by libtorch's operators, for masks on a GPU: neighbours are views of one padded copy, not 48 copies. */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { ParParameters } from './parameters.ts'

/** As `par`. images [B, 3, H, W] in [0, 1], masks [B, C, H, W] */
export function parByOperators(
  images: Tensor,
  masks: Tensor,
  { dilations, iterations, w1, w2 }: ParParameters,
): Tensor {
  return scope(() =>
    noGrad(() => {
      const weights = neighbourWeights(images, { dilations, w1, w2 })
      const first = weights[0]!
      let refined = masks
      for (let i = 0; i < iterations; i++) {
        refined = scope(() => {
          const neighbours = neighboursOf(refined, dilations)
          const sum = neighbours[0]!.mul(first)
          for (const [n, weight] of weights.entries()) if (n > 0) ops.addcmul_(sum, neighbours[n]!, weight)
          return sum
        })
      }
      return refined === masks ? masks.clone() : refined
    }),
  )
}

/** One [B, 1, H, W] for each neighbour. */
function neighbourWeights(
  images: Tensor,
  { dilations, w1, w2 }: Omit<ParParameters, 'iterations'>,
): Tensor[] {
  return scope(() => {
    const neighbours = neighboursOf(images, dilations)
    const first = neighbours[0]! // differences from it are exact where all are alike
    const mean = total(neighbours, neighbour => neighbour.sub(first)).div(neighbours.length)
    const squares = total(neighbours, neighbour => {
      const difference = neighbour.sub(first).sub(mean)
      return difference.mul(difference)
    })
    const scale = squares
      .div(neighbours.length - 1)
      .sqrt()
      .add(1e-8)
    const colour = neighbours.map(neighbour =>
      scope(() => {
        const term = neighbour.sub(images).div(scale).div(w1)
        return term.mul(term).mean(1, { keepdim: true }).neg() // [B, 1, H, W]
      }),
    )
    const shares = ops.cat(colour, { dim: 1 }).softmax(1)
    return distanceWeights({ dilations, w1 }).map((share, n) => shares.narrow(1, n, 1).add(w2 * share))
  })
}

function total(neighbours: readonly Tensor[], term: (neighbour: Tensor) => Tensor): Tensor {
  return neighbours.slice(1).reduce((sum, next) => scope(() => sum.add(term(next))), term(neighbours[0]!))
}

/** Softmax over the neighbours of -(distance / deviation of the distances / w1)^2: the same for every pixel. */
function distanceWeights({ dilations, w1 }: Pick<ParParameters, 'dilations' | 'w1'>): number[] {
  const distances = steps(dilations).map(([dy, dx]) => Math.hypot(dy, dx))
  const mean = sum(distances) / distances.length
  const deviation = Math.sqrt(sum(distances.map(value => (value - mean) ** 2)) / (distances.length - 1))
  const terms = distances.map(value => -((value / (deviation + 1e-8) / w1) ** 2))
  const powers = terms.map(value => Math.exp(value - Math.max(...terms)))
  return powers.map(value => value / sum(powers))
}

/** Views [B, C, H, W] of the planes moved by each step, border values repeated. */
function neighboursOf(planes: Tensor, dilations: readonly number[]): Tensor[] {
  const [, , height, width] = planes.shape as [number, number, number, number]
  const reach = Math.max(...dilations)
  const padded = [height, width].reduce((grown, side, i) => {
    const places = ops.arange(-reach, side + reach, { dtype: 'int64', device: planes.device })
    return ops.indexSelect(grown, 2 + i, ops.clamp(places, { min: 0, max: side - 1 }))
  }, planes)
  return steps(dilations).map(([dy, dx]) => padded.narrow(2, reach + dy, height).narrow(3, reach + dx, width))
}

function steps(dilations: readonly number[]): [dy: number, dx: number][] {
  const found = dilations.flatMap(d =>
    [-d, 0, d].flatMap(dy => [-d, 0, d].map((dx): [number, number] => [dy, dx])),
  )
  return found.filter(([dy, dx]) => dy !== 0 || dx !== 0)
}

function sum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
