/** @file Affinities of pairs from feature maps, with a derivative by hand: no copy of the features for each offset. */
import { differentiable, isRecording, ops, scope, type Tensor } from '../../torch/index.ts'
import {
  type Offset,
  type PairGrid,
  type PairOptions,
  pairOffsets,
  pairStarts,
  type Region,
} from './pairs.ts'

/**
 * exp(-mean |x_i - x_j|) of the pairs (resnet38_aff.py, Net.forward): features [B, C, h, w] -> [B, offsets, h, w], each at
 * the position where its pair starts, zero without a pair. On the CPU it saves the features and the result for backward;
 * autograd would save the differences, [B, C, h, w] for each of the 34 offsets.
 */
export function pairAffinity(features: Tensor, options: PairOptions = {}): Tensor {
  if (isRecording() && features.device !== 'cpu') return plainPairAffinity(features, options)
  return scope(() => {
    const x = features.to({ dtype: 'float32' }).permute(0, 2, 3, 1).contiguous() // [B, h, w, C]
    const places = pairPlaces({ rows: x.size(1), columns: x.size(2) }, options)
    return differentiable(
      'pair affinity',
      [x],
      () => {
        const affinity = computed(x, places)
        return { outputs: [affinity], saved: [x.detach(), affinity.detach()] }
      },
      ([gradient], [kept, affinity]) => [derivative(gradient!, kept!, affinity!, places)],
    )[0]!
  })
}

interface Place {
  readonly from: Region
  readonly to: Region
}

function pairPlaces(grid: PairGrid, options: PairOptions): Place[] {
  return pairOffsets(options.radius).map((offset: Offset) => {
    const from = pairStarts(grid, offset, options)
    return { from, to: { ...from, top: from.top + offset.dy, left: from.left + offset.dx } }
  })
}

function computed(x: Tensor, places: readonly Place[]): Tensor {
  const [batch, rows, columns, channels] = x.shape as [number, number, number, number]
  const result = ops.zeros([batch, places.length, rows, columns], { device: x.device })
  const buffer = ops.empty([rows * columns * channels], { device: x.device })
  eachPair(x, places, (features, { from, to }, image, place) => {
    const difference = subtracted(features, { from, to }, buffer)
    const distance = ops.linalgVectorNorm(difference, { ord: 1, dim: [-1] }) // [h', w']
    const target = cut(result.select(0, image).select(0, place), from)
    ops.copy_(target, ops.exp_(ops.mulScalar_(distance, -1 / channels)))
  })
  return result
}

/** d/dx of sum(gradient * affinity): the sign of each difference, added at one end and subtracted at the other. */
function derivative(gradient: Tensor, x: Tensor, affinity: Tensor, places: readonly Place[]): Tensor {
  const channels = x.size(-1)
  const dx = ops.zerosLike(x)
  const scaled = ops.mulScalar_(gradient.mul(affinity), -1 / channels) // d/d|difference| [B, offsets, h, w]
  const buffer = ops.emptyLike(x.select(0, 0)).reshape(-1)
  eachPair(x, places, (features, { from, to }, image, place) => {
    const slope = subtracted(features, { from, to }, buffer)
    const weight = cut(scaled.select(0, image).select(0, place), from).unsqueeze(-1)
    ops.mul_(ops.sign_(slope), weight)
    const target = dx.select(0, image)
    ops.add_(cut(target, from), slope)
    ops.sub_(cut(target, to), slope)
  })
  return dx
}

/** One image and one offset at a time: the differences stay in the cache. */
function eachPair(
  x: Tensor,
  places: readonly Place[],
  visit: (features: Tensor, place: Place, image: number, index: number) => void,
): void {
  for (let image = 0; image < x.size(0); image++) {
    for (const [index, place] of places.entries()) {
      if (place.from.rows * place.from.columns > 0)
        scope(() => visit(x.select(0, image), place, image, index))
    }
  }
}

/** x_from - x_to [h', w', C], in `buffer`. */
function subtracted(features: Tensor, { from, to }: Place, buffer: Tensor): Tensor {
  const channels = features.size(-1)
  const out = buffer
    .narrow(0, 0, from.rows * from.columns * channels)
    .reshape(from.rows, from.columns, channels)
  return ops.subOut(cut(features, from), cut(features, to), out)
}

function cut(map: Tensor, { top, left, rows, columns }: Region): Tensor {
  return map.narrow(0, top, rows).narrow(1, left, columns)
}

/** The same in plain operators, for devices on which derivatives by hand do not run. */
export function plainPairAffinity(features: Tensor, options: PairOptions = {}): Tensor {
  return scope(() => {
    const [batch, , rows, columns] = features.shape as [number, number, number, number]
    const x = features.to({ dtype: 'float32' })
    const part = ({ top, left, ...size }: Region): Tensor =>
      x.narrow(2, top, size.rows).narrow(3, left, size.columns)
    const planes = pairPlaces({ rows, columns }, options).map(({ from, to }) => {
      if (from.rows * from.columns === 0) return ops.zeros([batch, rows, columns], { device: x.device })
      const affinity = ops.exp(ops.neg(ops.abs(part(from).sub(part(to))).mean(1)))
      const [right, below] = [columns - from.left - from.columns, rows - from.top - from.rows]
      return ops.constantPadNd(affinity, [from.left, right, from.top, below])
    })
    return ops.stack(planes, { dim: 1 })
  })
}
