/** @file Class-token infusion: the class tokens of an image, averaged with others between two blocks. */
import { ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { imageClasses } from '../image-classes.ts'

/**
 * The mean of class tokens and `given` ones in the place of the former: tokens [B, labels + h*w, D], background first; given
 * [B, labels, D], or [B, labels - 1, D], which leaves the background as it is (forward_features; the paper replaces them).
 */
export function infuse(tokens: Tensor, given: Tensor, { labels }: { labels: number }): Tensor {
  return scope(() => {
    const [length, count] = [tokens.size(1), given.size(1)]
    const first = labels - count
    const mixed = tokens.narrow(1, first, count).add(given).div(2)
    const before = first === 0 ? [] : [tokens.narrow(1, 0, first)]
    return ops.cat([...before, mixed, tokens.narrow(1, labels, length - labels)], { dim: 1 })
  })
}

/** An image of a batch and a class it is tagged with, by their numbers. */
export type Presence = readonly [image: number, index: number]

/** Every tag of a batch, image by image. targets [B, C] */
export function presences(targets: Tensor): Presence[] {
  return imageClasses(targets).flatMap((own, image) => own.map(index => [image, index] as const))
}

/**
 * For each class of an image the token of the next image of the batch that is tagged with it too, around the end; its own where
 * there is none, and for other classes: other images of the class, as the paper has them. tokens [B, C, D]; not recorded.
 */
export function tokensOfOthers(tokens: Tensor, tags: readonly Presence[]): Tensor {
  return scope(() => {
    const [batch, classes, width] = tokens.shape as [number, number, number]
    const source = Float32Array.from({ length: batch * classes }, (_, at) => Math.floor(at / classes))
    for (let index = 0; index < classes; index++) {
      const images = tags.filter(([, tag]) => tag === index).map(([image]) => image)
      for (const [i, image] of images.entries())
        source[image * classes + index] = images[(i + 1) % images.length]!
    }
    const chosen = tensor(source, [batch, classes, 1]).to({ dtype: 'int64', device: tokens.device })
    return ops.gather(tokens.detach(), 0, chosen.expand(-1, -1, width))
  })
}
