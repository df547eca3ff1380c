/** @file The CAMs of one image and its pixels, at a size that fits into memory. Imports no torch. */
import type { Sample } from '../../data/sample.ts'
import { resize } from '../../data/transforms/resize.ts'
import { InputError } from '../../errors.ts'
import type { Cams } from '../../evaluate/index.ts'
import { type RgbImage, readImage } from '../../io/image.ts'
import { readCams } from './cam-file.ts'
import type { Size } from './step-memory.ts'

/**
 * CAMs with their image, both at the size that `sizeOf` returns for the image's own. Throws InputError when
 * their sizes differ.
 */
export async function readCamsAndImage(
  file: string,
  sample: Pick<Sample, 'image'>,
  { sizeOf = size => size }: { sizeOf?: (own: Size) => Size } = {},
): Promise<Cams & { readonly image: RgbImage; readonly own: Size }> {
  const [maps, image] = await Promise.all([readCams(file, { sizeOf }), readImage(sample.image)])
  const { own, width, height } = maps
  if (image.width !== own.width || image.height !== own.height) {
    throw new InputError(file, `the CAMs are ${own.width} x ${own.height} pixels`, {
      expected: `the image ${sample.image} has ${image.width} x ${image.height}`,
    })
  }
  const same = width === own.width && height === own.height
  return { ...maps, image: same ? image : resize(image, { width, height }) }
}
