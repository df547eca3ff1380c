/** @file Seeded random streams: one per sample, so that a result does not depend on which worker made it. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'

/** A stream of random numbers. */
export interface Random {
  /** In [low, high). */
  uniform(low: number, high: number): number
  /** Whole number, both ends included. */
  integer(low: number, high: number): number
  /** Gaussian. */
  normal(mean: number, std: number): number
}

/** The stream of the numbers that name it, for example (seed, epoch, index of the image). */
export function randomStream(...key: readonly number[]): Random {
  const rng = xoroshiro128plusFromState(stateOf(key))
  let spare: number | undefined
  return {
    uniform: (low, high) => low + (high - low) * uniformFloat64(rng),
    integer: (low, high) => uniformInt(rng, low, high),
    normal(mean, std) {
      if (spare !== undefined) {
        const value = mean + std * spare
        spare = undefined
        return value
      }
      // Box-Muller on 32-bit draws; (draw + 0.5) / 2^32 is never 0
      const radius = Math.sqrt(-2 * Math.log(((rng.next() >>> 0) + 0.5) / 2 ** 32))
      const angle = (2 * Math.PI * (rng.next() >>> 0)) / 2 ** 32
      spare = radius * Math.sin(angle)
      return mean + std * radius * Math.cos(angle)
    },
  }
}

/** The stream of one sample in one epoch. */
export function sampleRandom(seed: number, epoch: number, index: number): Random {
  return randomStream(seed, epoch, index)
}

/** 0 .. length - 1 in random order (Fisher-Yates). */
export function shuffledIndices(length: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index)
  for (let last = length - 1; last > 0; last--) {
    const pick = random.integer(0, last)
    const kept = order[last]!
    order[last] = order[pick]!
    order[pick] = kept
  }
  return order
}

/** Four words that differ in about half their bits when one bit of the key changes. */
function stateOf(key: readonly number[]): [number, number, number, number] {
  let hash = mix(key.length + 0x9e3779b9)
  for (const part of key) {
    hash = mix(hash ^ (part | 0))
    hash = mix((hash + Math.floor(part / 2 ** 32)) | 0) // the high word, and the sign
  }
  const word = (index: number) => mix((hash + Math.imul(index, 0x9e3779b9)) | 0)
  return [word(1), word(2), word(3), word(4) | 1] // never all zero
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
