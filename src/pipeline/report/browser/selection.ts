/** @file Which images are shown, and in which order. Knows nothing of the page. */
import type { PageImage, PageThreshold } from './page-data.ts'

/** Orders of images; those without the value come last. */
export type Order = 'name' | 'worst' | 'best' | 'unsure' | 'sure' | 'large'

export interface Wanted {
  readonly order: Order
  /** Index of a set or class; -1: all. */
  readonly set: number
  readonly class: number
  /** Part of the name, in any case. */
  readonly name: string
}

/** Indices of the images that are wanted, in their order. */
export function selectImages(images: readonly PageImage[], wanted: Wanted): number[] {
  const name = wanted.name.trim().toLowerCase()
  const fits = (image: PageImage): boolean =>
    (wanted.set < 0 || image.set === wanted.set) &&
    (wanted.class < 0 || image.classes.includes(wanted.class)) &&
    (name === '' || image.name.toLowerCase().includes(name))
  const found = images.flatMap((image, index) => (fits(image) ? [index] : []))
  const keys = images.map(image => keyOf(image, wanted))
  return found.sort((a, b) => keys[a]! - keys[b]! || compareNames(images[a]!.name, images[b]!.name) || a - b)
}

/** Small comes first. */
function keyOf(image: PageImage, { order, class: k }: Wanted): number {
  const last = Number.MAX_VALUE
  switch (order) {
    case 'name':
      return 0
    case 'worst':
      return image.miou ?? last
    case 'best':
      return image.miou === undefined ? last : -image.miou
    case 'unsure':
      return image.unsure === undefined ? last : -image.unsure
    case 'sure':
      return image.unsure ?? last
    case 'large': {
      const shares = (image.shares ?? []).flatMap(([of, share]) => (k < 0 || of === k ? [share] : []))
      return -shares.reduce((sum, share) => sum + share, 0)
    }
  }
}

/** img2 before img10. */
const { compare: compareNames } = new Intl.Collator('en', { numeric: true })

/** mIoU of the point of the curve next to the threshold; undefined without a curve. */
export function miouAt({ curve }: PageThreshold, threshold: number): number | undefined {
  const away = ([at]: readonly [number, number]): number => Math.abs(at - threshold)
  const [first, ...others] = curve
  return first && others.reduce((near, point) => (away(point) < away(near) ? point : near), first)[1]
}

/** Intercept of the line by which a score map's alpha (55 + 200 scores) becomes 0 up to the threshold and 1 above it. */
export function interceptOf(threshold: number): number {
  return -2 * (55 + Math.round(200 * threshold) + 0.5)
}
