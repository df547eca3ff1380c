/** @file CAMs of images of any size, small ones of one size together, by the recipe's `maps` section. */
import type { Sample } from '../../data/sample.ts'
import type { ImageViews } from '../../data/view-loader.ts'
import { elementCount, itemSize, type TensorData } from '../../io/tensor-data.ts'
import type { HeadWeights, Method } from '../../methods/index.ts'
import { autocast, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { encoderOf, methodOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { type LookOptions, lookAtImages, withinRecipe } from './sized-views.ts'
import { mapsMemory, type Size } from './step-memory.ts'

/** CAMs [K, H, W] in [0, 1] of the tags of each image, at its working size, or that of its first view. */
export function imageCams(
  method: Method,
  { maps: { flip }, device, precision }: Pick<Recipe, 'maps' | 'device' | 'precision'>,
  images: readonly (Pick<ImageViews, 'sample' | 'views'> & { working?: Size })[],
): Tensor[] {
  return scope(() => {
    const shown = images.map(({ sample, views, working: size }) => ({
      views: views.map(({ width, height, data }) => tensor(data, [1, 3, height, width]).to({ device })),
      classes: sample.tags,
      ...(size !== undefined && { size: [size.height, size.width] }),
    }))
    return autocast({ precision, device }, () => method.imageCams(shown, { flip }))
  })
}

/** The CAMs of one image. */
export interface CamsOfImage {
  readonly sample: Sample
  readonly own: Size
  /** [K, height, width] at the image's own size, one for each tag. */
  readonly cam: TensorData
  /** Of this image and of those that passed through the network with it. */
  readonly heads: HeadWeights | undefined
}

/** Yields the CAMs of the images, as `lookAtImages`; images smaller than a patch are left out. */
export function camsOfImages(
  method: Method,
  recipe: Recipe,
  samples: readonly Sample[],
  {
    scales,
    storage,
    ...options
  }: Pick<LookOptions, 'title' | 'onBadImage' | 'log' | 'scales' | 'among'> & Pick<Recipe['maps'], 'storage'>,
): AsyncGenerator<CamsOfImage, void> {
  return lookAtImages(
    samples,
    images =>
      scope(() => {
        const cams = imageCams(method, recipe, images)
        const heads = method.takeHeadWeights?.() // of all of them: noted with the first
        return images.map(async ({ sample, image: { width, height } }, i) => {
          const own = { width, height }
          const cam = fullSizeCams(cams[i]!, own, storage)
          return { sample, own, cam, heads: i === 0 ? heads : undefined }
        })
      }),
    { ...options, ...camLook(method, recipe, scales) },
  )
}

/** How the network looks at images for their CAMs, within the memory of the recipe. */
export function camLook(
  { numClasses: classes }: Method,
  recipe: Recipe,
  scales: readonly number[],
): Omit<LookOptions, 'title' | 'onBadImage' | 'log'> {
  const { maps, normalise: normalisation, data, strict } = recipe
  const { scales: seen = scales, ...sides } = methodOf(recipe).camViews?.(recipe) ?? {}
  const shown = { ...recipe, maps: { ...maps, scales: [...scales] } }
  return {
    ...withinRecipe(recipe, ({ own, working, sample: { tags } }) =>
      mapsMemory(shown, { own, working, tags: tags.length, classes }),
    ),
    least: encoderOf(recipe).patchSize,
    scales: seen,
    ...sides,
    normalisation,
    withImage: false,
    workers: data.workers,
    strict,
  }
}

/** CAMs [K, h, w] resized to [K, height, width] in the given number format; bilinear, one at a time. */
export function fullSizeCams(
  cams: Tensor,
  { width, height }: Size,
  dtype: 'float16' | 'float32',
): TensorData {
  const [count, h, w] = cams.shape as [number, number, number]
  if (h === height && w === width) return scope(() => ops.toDtype(cams, dtype).toData())
  const shape = [count, height, width]
  const data = new Uint8Array(elementCount(shape) * itemSize(dtype))
  for (let k = 0; k < count; k++) {
    scope(() => {
      const plane = ops.upsampleBilinear2d(cams.narrow(0, k, 1).unsqueeze(0), [height, width], false)
      data.set(ops.toDtype(plane, dtype).toData().data, (k * data.length) / count)
    })
  }
  return { dtype, shape, data }
}
