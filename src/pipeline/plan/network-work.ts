/** @file Floating-point operations of networks by their sizes, without building them: multiply-adds times two. Imports no torch. */
import type { MitOptions } from '../../models/mit/sizes.ts'
import type { VitOptions } from '../../models/vit/widths.ts'

/** One forward pass of one image. */
export interface NetworkWork {
  /** Of matrix products and convolutions. */
  readonly flops: number
  /** Values that are not products: softmax, norms, activations. Memory bounds them, not the processor. */
  readonly values: number
  /** Channels of the products: narrow ones do not reach a machine's rate. */
  readonly channels: number
}

export interface Pixels {
  readonly width: number
  readonly height: number
}

const NONE: NetworkWork = { flops: 0, values: 0, channels: 1 }

/** Several passes; the channels are those of the largest. */
export function addWork(parts: readonly NetworkWork[]): NetworkWork {
  return parts.reduce(
    (sum, part) => ({
      flops: sum.flops + part.flops,
      values: sum.values + part.values,
      channels: part.flops > sum.flops ? part.channels : sum.channels,
    }),
    NONE,
  )
}

export function timesWork(work: NetworkWork, times: number): NetworkWork {
  return { ...work, flops: work.flops * times, values: work.values * times }
}

/** Embedding of the patches and all blocks. */
export function vitWork(
  { embedDim, depth, heads, patchSize, mlpRatio }: VitOptions,
  { width, height, classTokens }: Pixels & { classTokens: number },
): NetworkWork {
  const patches = Math.ceil(width / patchSize) * Math.ceil(height / patchSize)
  const tokens = patches + classTokens
  const block = (4 + 2 * mlpRatio) * tokens * embedDim ** 2 + 2 * tokens ** 2 * embedDim
  return {
    flops: 2 * (patches * 3 * patchSize ** 2 * embedDim + depth * block),
    values: depth * (heads * tokens ** 2 + (8 + 2 * mlpRatio) * tokens * embedDim),
    channels: embedDim,
  }
}

/** The stages of a mix transformer, and the head that joins their maps in so many channels. */
export function mitWork(
  { embedDims, depths, heads, mlpRatios, srRatios, strides }: MitOptions,
  { width, height, joined }: Pixels & { joined: number },
): NetworkWork {
  const [first, last] = [embedDims[0], embedDims[3]]
  let [places, before, madds, values] = [width * height, 3, 0, 0]
  for (const [stage, channels] of embedDims.entries()) {
    places /= strides[stage]! ** 2
    const keys = places / srRatios[stage]! ** 2
    const kernel = stage === 0 ? 49 : 9
    const reduce = srRatios[stage] === 1 ? 0 : places * channels ** 2
    const products = (2 + 2 * mlpRatios[stage]!) * places * channels ** 2 + 2 * keys * channels ** 2 + reduce
    madds += kernel * places * before * channels
    madds += depths[stage]! * (products + 2 * places * keys * channels)
    values += depths[stage]! * (heads[stage]! * places * keys + 16 * places * channels)
    before = channels
  }
  const finest = (width * height) / strides[0] ** 2
  madds += finest * joined * (first + 4 * joined)
  return { flops: 2 * madds, values: values + 8 * finest * joined, channels: last }
}

/** Multiply-adds a pixel of the image, of ResNet38 at a stride of 8 and of ResNet50 at one of 16. */
const RESNETS = { resnet38: 1.99e6, resnet50: 1e5 } as const

export function resnetWork(name: keyof typeof RESNETS, { width, height }: Pixels): NetworkWork {
  const pixels = width * height
  return { flops: 2 * RESNETS[name] * pixels, values: 300 * pixels, channels: 512 }
}

/** The light head of a transformer: four maps mixed, and a convolution of 3 x 3. */
export function headWork({ embedDim, patchSize }: VitOptions, { width, height }: Pixels): NetworkWork {
  const places = Math.ceil(width / patchSize) * Math.ceil(height / patchSize)
  return { flops: 2 * places * embedDim ** 2 * (4 + 9), values: 8 * places * embedDim, channels: embedDim }
}
