/** @file When a training saves its state. */
import { monotonic } from '../io/profile.ts'
import type { Position } from './position.ts'

/** The most of its time that a training spends on saving at the end of epochs, of which small data sets have many a second. */
const SHARE = 1 / 20

export interface SaveOptions {
  /** Longest time between two saves in minutes, and in steps (null: any). */
  readonly checkpointMinutes: number
  readonly checkpointSteps: number | null
}

/** The saves of a training. */
export interface Saves {
  save(at: Position): Promise<void>
  /** Whether it is time in the middle of an epoch. */
  isDue(at: Position): boolean
  /** Saves what is worth it: the end of an epoch, a validation. */
  keep(at: Position): Promise<void>
}

/** `write` writes the state; `clock` in milliseconds. */
export function openSaves(
  write: (at: Position) => Promise<void>,
  { checkpointMinutes, checkpointSteps }: SaveOptions,
  { clock = monotonic }: { readonly clock?: () => number } = {},
): Saves {
  let ended = clock()
  let cost = 0
  const save = async (at: Position): Promise<void> => {
    const began = clock()
    await write(at)
    ended = clock()
    cost = ended - began
  }
  return {
    save,
    isDue: at =>
      clock() - ended > checkpointMinutes * 60_000 ||
      (checkpointSteps !== null && at.step % checkpointSteps === 0),
    async keep(at) {
      if (checkpointSteps !== null || SHARE * (clock() - ended) >= cost) await save(at)
    },
  }
}
