/** @file The demo's random numbers: one generator an image, so that image 17 is the same however many are made. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Draws from one seeded stream. */
export interface DemoRandom {
  /** A number in [low, high). */
  between(low: number, high: number): number
  /** True with the given probability. */
  chance(probability: number): boolean
  /** One of the items, each as likely. */
  pick<T>(items: readonly T[]): T
  /** The items in a random order. */
  shuffle<T>(items: readonly T[]): T[]
}

/** A stream for `index` (an image's number) under `seed`; other streams are unrelated. */
export function createRandom(seed: number, index: number): DemoRandom {
  const generator = xoroshiro128plus(mix(mix(seed) ^ index))
  const next = () => uniformFloat64(generator)
  const between = (low: number, high: number) => low + (high - low) * next()
  return {
    between,
    chance: probability => next() < probability,
    pick: items => items[Math.floor(next() * items.length)]!,
    shuffle: items =>
      items
        .map(item => ({ item, key: next() }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item),
  }
}

/** Spreads neighbouring integers over 32 bits (murmur3's finaliser). */
function mix(value: number): number {
  let x = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) | 0
}
