/** @file PAR of one image by the addon, on its own threads. Torch-free. */
import { InputError } from '../../errors.ts'
import { addonThreads, namedError, type ParRequest, pixelsAddon } from '../../io/pixels-addon.ts'
import { timed } from '../../io/profile.ts'
import { refuseLarge } from '../refuse-large.ts'
import { parMemory } from './memory.ts'
import { type ParParameters, parParameters } from './parameters.ts'

interface Size {
  readonly width: number
  readonly height: number
}

/** One image and its masks; the parameters default to PAR. */
export interface ParImage extends Partial<ParParameters>, Size {
  /** [3, height, width] in [0, 1]. */
  readonly image: Float32Array
  /** [channels, height, width] of `maskSize`. */
  readonly masks: Float32Array
  /** Where it is not the image's: the masks are spread to that, bilinear with aligned corners. */
  readonly maskSize?: Size
  /** Threads to use; TAGMASK_THREADS or the number of processors unless told. The result does not depend on it. */
  readonly threads?: number
  /** What messages call the image: its file or id. */
  readonly name?: string
}

/** The masks [channels, height, width] after the iterations; the arrays are copied before it returns. Rejects with InputError. */
export async function parMasks(sample: ParImage): Promise<Float32Array> {
  const { request, name } = parRequest(sample)
  try {
    return await timed('PAR', () => pixelsAddon().par(request))
  } catch (cause) {
    throw namedError(cause, name)
  }
}

/** The same of images side by side, when it returns: for a training step. Throws InputError. */
export function parMasksNow(samples: readonly ParImage[]): Float32Array[] {
  const requests = samples.map(parRequest)
  try {
    return pixelsAddon().parNow(requests.map(({ request }) => request))
  } catch (cause) {
    throw namedError(cause, requests[0]?.name ?? 'PAR')
  }
}

function parRequest(sample: ParImage): { request: ParRequest; name: string } {
  const { width, height, image, masks, maskSize = sample, name = 'PAR' } = sample
  const { dilations, ...parameters } = parParameters(sample, name)
  for (const [field, size] of Object.entries({ image: sample, maskSize })) {
    if ([size.width, size.height].every(side => Number.isInteger(side) && side > 0)) continue
    throw new InputError(name, `is ${size.width} x ${size.height}`, { field })
  }
  if (image.length !== 3 * width * height) {
    throw new InputError(name, `has ${image.length} values`, {
      field: 'image',
      expected: `expected ${3 * width * height} for ${width} x ${height} RGB`,
    })
  }
  const area = maskSize.width * maskSize.height
  const channels = masks.length / area
  if (!(Number.isInteger(channels) && channels > 0)) {
    throw new InputError(name, `has ${masks.length} values`, {
      field: 'masks',
      expected: `expected a multiple of ${area} pixels`,
    })
  }
  const what = `PAR of ${width} x ${height} pixels and ${channels} masks`
  refuseLarge(parMemory({ width, height, channels }, { dilations }), { name, what })
  const request = {
    width,
    height,
    channels,
    maskWidth: maskSize.width,
    maskHeight: maskSize.height,
    threads: addonThreads(sample.threads, name),
    dilations: Int32Array.from(dilations),
    dilationCount: dilations.length,
    ...parameters,
    image,
    masks,
  }
  return { request, name }
}
