/** @file Bytes to network input: ToTensor and Normalize of torchvision, in single precision. */
import type { RgbImage } from '../../io/image.ts'
import type { PerChannel } from './affine.ts'
import { roundHalfEven } from './rounding.ts'

/** Mean and standard deviation of red, green and blue, of values in 0..1. */
export interface Normalisation {
  readonly mean: PerChannel
  readonly std: PerChannel
}

export const IMAGENET: Normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

/** (value / 255 - mean) / std, HWC bytes to CHW floats; into `out` (3 * height * width) when given. */
export function normalise(
  { width, height, data }: RgbImage,
  { mean, std }: Normalisation = IMAGENET,
  out: Float32Array = new Float32Array(3 * width * height),
): Float32Array {
  const plane = width * height
  for (let channel = 0; channel < 3; channel++) {
    const table = channelTable(mean[channel]!, std[channel]!)
    const start = channel * plane
    for (let i = 0, from = channel; i < plane; i++, from += 3) out[start + i] = table[data[from]!]!
  }
  return out
}

/**
 * A normalised image [3, height, width] back to bytes, as the originals do for the CRF: (x * std + mean) * 255 in
 * single precision, truncated, so that a byte may be one lower than before (engine.py, generate_attention_maps_ms).
 */
export function denormalise(
  { width, height, data }: { readonly width: number; readonly height: number; readonly data: Float32Array },
  { mean, std }: Normalisation = IMAGENET,
): RgbImage {
  const plane = width * height
  const bytes = new Uint8Array(3 * plane)
  for (let channel = 0; channel < 3; channel++) {
    const [scale, shift] = [Math.fround(std[channel]!), Math.fround(mean[channel]!)]
    for (let i = 0; i < plane; i++) {
      const value = Math.fround(Math.fround(data[channel * plane + i]! * scale) + shift)
      bytes[3 * i + channel] = Math.fround(value * 255)
    }
  }
  return { width, height, data: bytes }
}

/** The mean colour as bytes: timm's fill. */
export function meanColour([red, green, blue]: PerChannel): PerChannel {
  const byte = (value: number) => Math.min(255, roundHalfEven(255 * value))
  return [byte(red), byte(green), byte(blue)]
}

/** Every byte's value, each step rounded to single precision as torch does. */
function channelTable(mean: number, std: number): Float32Array {
  return Float32Array.from(
    { length: 256 },
    (_, value) => Math.fround(Math.fround(value / 255) - Math.fround(mean)) / Math.fround(std),
  )
}
