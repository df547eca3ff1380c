/** @file RandAugment as timm 0.4.12 has it (`rand-m9-mstd0.5-inc1`, data/auto_augment.py): fifteen operations. */
import type { RgbImage } from '../../io/image.ts'
import type { Random } from '../random.ts'
import { affine, type PerChannel, rotate } from './affine.ts'
import * as colour from './colour.ts'

/** Magnitudes run from 0 to 10 and grow stronger; each of `ops` operations is applied with `probability`. */
export interface RandAugmentOptions {
  readonly ops: number
  readonly magnitude: number
  readonly std: number
  readonly probability: number
}

export const RAND_AUGMENT: RandAugmentOptions = { ops: 2, magnitude: 9, std: 0.5, probability: 0.5 }

const MAX_MAGNITUDE = 10

/** One operation: its argument from a magnitude, and its effect. */
interface Operation {
  /** Whether the sign of the argument is drawn, each half of the time. */
  readonly signed: boolean
  readonly argument: (share: number, sign: 1 | -1) => number
  readonly apply: (image: RgbImage, argument: number, fill: PerChannel) => RgbImage
}

/** Enhancement factors lie on either side of 1. */
function enhance(apply: (image: RgbImage, factor: number) => RgbImage): Operation {
  return { signed: true, argument: (share, sign) => 1 + sign * (share * 0.9), apply }
}

function geometric(most: number, apply: Operation['apply']): Operation {
  return { signed: true, argument: (share, sign) => sign * (share * most), apply }
}

function unsigned(argument: (share: number) => number, apply: Operation['apply']): Operation {
  return { signed: false, argument, apply }
}

const none = () => 0

/** timm's names; `share` is magnitude / 10. */
export const OPERATIONS = {
  AutoContrast: unsigned(none, colour.autocontrast),
  Equalize: unsigned(none, colour.equalize),
  Invert: unsigned(none, colour.invert),
  Rotate: geometric(30, rotate),
  PosterizeIncreasing: unsigned(share => 4 - Math.trunc(share * 4), colour.posterize),
  SolarizeIncreasing: unsigned(share => 256 - Math.trunc(share * 256), colour.solarize),
  SolarizeAdd: unsigned(share => Math.trunc(share * 110), colour.solarizeAdd),
  ColorIncreasing: enhance(colour.saturation),
  ContrastIncreasing: enhance(colour.contrast),
  BrightnessIncreasing: enhance(colour.brightness),
  SharpnessIncreasing: enhance(colour.sharpness),
  ShearX: geometric(0.3, (image, factor, fill) => affine(image, [1, factor, 0, 0, 1, 0], fill)),
  ShearY: geometric(0.3, (image, factor, fill) => affine(image, [1, 0, 0, factor, 1, 0], fill)),
  TranslateXRel: geometric(0.45, (image, part, fill) =>
    affine(image, [1, 0, part * image.width, 0, 1, 0], fill),
  ),
  TranslateYRel: geometric(0.45, (image, part, fill) =>
    affine(image, [1, 0, 0, 0, 1, part * image.height], fill),
  ),
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof OPERATIONS

const NAMES = Object.keys(OPERATIONS) as OperationName[]

/** The argument of an operation at a magnitude (0 to 10): degrees, threshold, factor, share of the width. */
export function operationArgument(name: OperationName, magnitude: number, sign: 1 | -1): number {
  return OPERATIONS[name].argument(Math.min(MAX_MAGNITUDE, Math.max(0, magnitude)) / MAX_MAGNITUDE, sign)
}

/** Applies `ops` operations drawn with replacement; `fill` is the colour of uncovered pixels. */
export function randAugment(
  image: RgbImage,
  random: Random,
  {
    ops = 2,
    magnitude = 9,
    std = 0.5,
    probability = 0.5,
    fill,
  }: Partial<RandAugmentOptions> & { fill: PerChannel },
): RgbImage {
  // all operations are drawn before the first is applied, as np.random.choice does
  const names = Array.from({ length: ops }, () => NAMES[random.integer(0, NAMES.length - 1)]!)
  let augmented = image
  for (const name of names) {
    if (random.uniform(0, 1) > probability) continue
    const drawn = std > 0 ? random.normal(magnitude, std) : magnitude
    const operation: Operation = OPERATIONS[name]
    const sign = operation.signed && random.uniform(0, 1) > 0.5 ? -1 : 1
    augmented = operation.apply(augmented, operationArgument(name, drawn, sign), fill)
  }
  return augmented
}
