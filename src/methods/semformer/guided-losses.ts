/** @file The losses of class foreground and background: what the frozen autoencoder sees in the image under each map (SemFormer, section 3.3.2). */
import { backward, isRecording, noGrad, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import type { Caae } from './caae.ts'
import type { Pairs } from './pairs.ts'
import { cosineSimilarity, withGradient } from './similarity.ts'

export interface GuidedLosses {
  /** foreground * its weight + background * its weight, with its derivative with respect to the maps. */
  readonly total: Tensor
  readonly foreground: Tensor
  readonly background: Tensor
}

export interface GuidedOptions {
  readonly weights: { readonly foreground: number; readonly background: number }
  /** Pairs that pass the autoencoder at a time, two images each: memory grows with them, the result does not change. */
  readonly chunk?: number
}

/**
 * Both losses of maps [B, K, A, A] in [0, 1] over images [B, 3, A, A], normalised: what a map hides becomes the mean colour. The
 * derivative with respect to the maps is made here, chunk by chunk, since both losses are sums over the pairs.
 */
export function guidedLosses(
  autoencoder: Caae,
  { images, maps, pairs }: { images: Tensor; maps: Tensor; pairs: Pairs },
  { weights, chunk = 8 }: GuidedOptions,
): GuidedLosses {
  return scope(() => {
    const records = isRecording()
    const leaf = maps.detach()
    leaf.requiresGrad = records
    const { device } = maps
    const sums = { foreground: ops.zeros([], { device }), background: ops.zeros([], { device }) }
    for (let first = 0; first < pairs.classes.length; first += chunk)
      scope(() => {
        const classes = presentIn(pairs, { first, chunk })
        const seen = similaritiesOf(autoencoder, { images, maps: leaf, pairs }, { first, chunk, classes })
        const [foreground, background] = [
          seen.foreground.mul(seen.weights).sum(),
          seen.background.mul(seen.weights).sum().neg(),
        ]
        noGrad(() => {
          ops.add_(sums.foreground, foreground)
          ops.add_(sums.background, background)
        })
        if (records) backward(foreground.mul(weights.foreground).add(background.mul(weights.background)))
      })
    const [foreground, background] = [
      sums.foreground.add(pairs.constant),
      sums.background.add(pairs.constant),
    ]
    const value = foreground.mul(weights.foreground).add(background.mul(weights.background))
    const total = leaf.grad === undefined ? value : withGradient(value, maps, leaf.grad)
    return { total, foreground, background }
  })
}

/** Classes of the images of these pairs, ascending: the weights of all others are 0. */
function presentIn({ classes, images }: Pairs, { first, chunk }: { first: number; chunk: number }): number[] {
  const shown = new Set(images.slice(first, first + chunk))
  return [...new Set(classes.filter((_, pair) => shown.has(images[pair]!)))].sort((a, b) => a - b)
}

/**
 * Class embeddings [pairs, classes, E] of the foregrounds and backgrounds of the pairs from `first` on, their similarities to the
 * semantics of those classes [pairs, classes], and what these weigh.
 */
export function similaritiesOf(
  autoencoder: Caae,
  { images, maps, pairs }: { images: Tensor; maps: Tensor; pairs: Pairs },
  {
    first = 0,
    chunk = pairs.classes.length,
    classes,
  }: { first?: number; chunk?: number; classes?: readonly number[] } = {},
) {
  const { numClasses } = autoencoder
  const columns = classes ?? Array.from({ length: numClasses }, (_, index) => index)
  const count = Math.min(chunk, pairs.classes.length - first)
  const indices = (values: readonly number[]): Tensor =>
    tensor([...values]).to({ dtype: 'int64', device: maps.device })
  const index = (of: (pair: number) => number): Tensor =>
    indices(Array.from({ length: count }, (_, i) => of(first + i)))
  const shown = ops.indexSelect(
    images,
    0,
    index(pair => pairs.images[pair]!),
  )
  const [side, width] = maps.shape.slice(-2) as [number, number]
  const flat = maps.reshape(-1, 1, side, width)
  const own = ops.indexSelect(
    flat,
    0,
    index(pair => pairs.images[pair]! * numClasses + pairs.classes[pair]!),
  )
  const front = shown.mul(own)
  const embeddings = autoencoder.embeddings(ops.cat([front, shown.sub(front)]), { classes: columns })
  const kept = indices(columns)
  const similar = cosineSimilarity(embeddings, ops.indexSelect(autoencoder.semantics(), 0, kept))
  const weights = tensor(pairs.weights.subarray(first * numClasses, (first + count) * numClasses), [
    count,
    numClasses,
  ])
  return {
    embeddings: {
      foreground: embeddings.narrow(0, 0, count),
      background: embeddings.narrow(0, count, count),
    },
    foreground: similar.narrow(0, 0, count),
    background: similar.narrow(0, count, count),
    weights: ops.indexSelect(weights.to({ device: maps.device }), 1, kept),
  }
}
