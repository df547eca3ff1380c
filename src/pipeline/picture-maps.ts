/** @file Class maps of one picture from its views, as the recipe's `maps` section says. */
import type { PictureViews } from '../data/view-loader.ts'
import { type Method, multiScaleMaps } from '../methods/index.ts'
import { autocast, scope, type Tensor, tensor } from '../torch/index.ts'
import type { Recipe } from './recipe/schema.ts'

/** Maps [K, H, W] in [0, 1] of the picture's tags, at the size of its first view. */
export function pictureMaps(
  method: Method,
  { maps: { flip }, device, precision }: Recipe,
  { picture, views }: Pick<PictureViews, 'picture' | 'views'>,
): Tensor {
  return scope(() => {
    const images = views.map(({ width, height, data }) => tensor(data, [1, 3, height, width]).to({ device }))
    return autocast({ precision, device }, () =>
      multiScaleMaps(method, images, { classes: picture.tags, flip }),
    )
  })
}
