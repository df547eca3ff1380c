/** @file Random whole numbers, the same ones for the same seed. Imports nothing. */
/** Whole numbers from 0 to below a bound. */
export type Dice = (below: number) => number

/** mulberry32 */
export function dice(seed: number): Dice {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Those of one input of a run, which is made alike whatever came before it. */
export function diceOf(seed: number, input: number): Dice {
  return dice(Math.imul(seed, 0x9e3779b1) ^ Math.imul(input + 1, 0x85ebca6b))
}

export function pick<T>(list: readonly T[], roll: Dice): T {
  return list[roll(list.length)]!
}
