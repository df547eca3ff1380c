/** @file How long a training is and how often it is validated, both in epochs or both in steps. Imports nothing. */
export interface Length {
  readonly unit: 'epochs' | 'steps'
  readonly count: number
}

/** Position of a training. */
export interface Place {
  /** Epochs done. */
  readonly epoch: number
  /** Steps done. */
  readonly step: number
}

export function hasEnded({ unit, count }: Length, { epoch, step }: Place): boolean {
  return (unit === 'epochs' ? epoch : step) >= count
}

/** Total steps if every batch can be used. */
export function stepsOf({ unit, count }: Length, batches: number): number {
  return unit === 'epochs' ? count * batches : count
}

/** Whether a validation is due after so many epochs or steps; `every` 0: never. The end of a training always has one. */
export function isValidated(done: number, { every, count }: { every: number; count: number }): boolean {
  return every > 0 && (done % every === 0 || done === count)
}
