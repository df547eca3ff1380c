/** @file The images CAMs are made from: each scale of the native size (MCTformer's datasets.py, VOC12DatasetMS). */
import type { RgbImage } from '../../io/image.ts'
import { IMAGENET, type Normalisation, normalise } from './normalise.ts'
import { resize } from './resize.ts'
import { roundHalfEven } from './rounding.ts'

/** Normalised image, `data` is [3, height, width]. */
export interface View {
  readonly scale: number
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** How sides become multiples of a unit: the nearest, or, once they are whole pixels, the next larger (SemFormer). */
export type UnitRounding = 'nearest' | 'up'

/** Size at a scale: Python's round of size / unit * scale, times `unit`; at least one unit, and at least `least` pixels. */
export function scaledSize(
  { width, height }: { width: number; height: number },
  scale: number,
  {
    unit = 1,
    least = 1,
    rounding = 'nearest',
  }: { unit?: number; least?: number; rounding?: UnitRounding } = {},
): { width: number; height: number } {
  const units = Math.ceil(least / unit)
  const whole = (length: number): number =>
    rounding === 'up'
      ? Math.ceil(roundHalfEven(length * scale) / unit)
      : roundHalfEven((length / unit) * scale)
  const side = (length: number) => Math.max(units, whole(length)) * unit
  return { width: side(width), height: side(height) }
}

export interface ScaleOptions {
  readonly scales: readonly number[]
  readonly unit?: number
  readonly least?: number
  readonly rounding?: UnitRounding
  readonly normalisation?: Normalisation
}

/** One view a scale, bicubic. The network flips views itself, along their width axis. */
export function scaleViews(
  image: RgbImage,
  { scales, unit = 1, least = 1, rounding = 'nearest', normalisation = IMAGENET }: ScaleOptions,
): View[] {
  return scales.map(scale => {
    const size = scaledSize(image, scale, { unit, least, rounding })
    return { scale, ...size, data: normalise(resize(image, size), normalisation) }
  })
}

/** The same for an image reduced to `fit` of its size, or to the longest side where that is less. */
export function fittedViews(
  image: RgbImage,
  { fit, longestSide, ...options }: ScaleOptions & { fit: number; longestSide: number },
): View[] {
  const share = Math.min(1, fit, longestSide / Math.max(image.width, image.height))
  return scaleViews(image, { ...options, scales: options.scales.map(scale => scale * share) })
}
