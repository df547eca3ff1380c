/** @file Learning rates over time: plain functions of the epoch or of the step. Imports nothing. */
export interface CosineEpochOptions {
  readonly lr: number
  readonly epochs: number
  readonly warmupEpochs?: number
  readonly warmupLr?: number
  readonly minLr?: number
  /** The published code steps its schedule after each epoch: epoch e trains with the rate of e - 1. */
  readonly offByOne?: boolean
}

/** timm 0.4.12's CosineLRScheduler, warm-up not prefixed: the rate of each whole epoch. */
export function cosineEpoch({
  lr,
  epochs,
  warmupEpochs = 5,
  warmupLr = 1e-6,
  minLr = 1e-5,
  offByOne = true,
}: CosineEpochOptions): (epoch: number) => number {
  return epoch => {
    const t = offByOne ? Math.max(0, epoch - 1) : epoch
    if (t < warmupEpochs) return warmupLr + (t * (lr - warmupLr)) / warmupEpochs
    return minLr + 0.5 * (lr - minLr) * (1 + Math.cos((Math.PI * t) / epochs))
  }
}

export interface CosineStepOptions {
  readonly lr: number
  readonly steps: number
  readonly warmupSteps?: number
  readonly minLr?: number
}

/** Linear warm-up (step s of w runs at lr (s+1)/w), then a cosine down to `minLr` at the last step. */
export function cosineStep({
  lr,
  steps,
  warmupSteps = 0,
  minLr = 0,
}: CosineStepOptions): (step: number) => number {
  return step => {
    if (step < warmupSteps) return (lr * (step + 1)) / warmupSteps
    const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps)
    return minLr + 0.5 * (lr - minLr) * (1 + Math.cos(Math.PI * Math.min(1, progress)))
  }
}

export interface PolyOptions {
  readonly lr: number
  readonly steps: number
  readonly power?: number
}

export interface PolyStepOptions extends PolyOptions {
  readonly warmupSteps?: number
  /** Rate of step 0 over `lr`. */
  readonly warmupRatio?: number
}

/**
 * lr * (1 - step / steps)^power; constant from `steps` on (psa and seg, torchutils.py, PolyOptimizer). The warm-up rises
 * linearly to `lr`; steps are counted from its start, so the rate jumps at its end (afa, utils/optimizer.py).
 */
export function polyStep({
  lr,
  steps,
  power = 0.9,
  warmupSteps = 0,
  warmupRatio = 1e-6,
}: PolyStepOptions): (step: number) => number {
  return step => {
    if (step < warmupSteps) return lr * (1 - (1 - step / warmupSteps) * (1 - warmupRatio))
    return lr * (1 - Math.min(step, Math.max(0, steps - 1)) / steps) ** power
  }
}

export interface PolyFloorOptions extends PolyOptions {
  readonly minLr?: number
  readonly warmupSteps?: number
}

/**
 * (lr - minLr) (1 - step / steps)^power + minLr, from `steps` on `minLr` (segm/optim/scheduler.py). The warm-up rises
 * linearly to the rate at its end; step 0 runs at `lr` all the same, as published.
 */
export function polyFloor({
  lr,
  steps,
  power = 0.9,
  minLr = 1e-5,
  warmupSteps = 0,
}: PolyFloorOptions): (step: number) => number {
  const share = (step: number): number => {
    if (step >= warmupSteps) return (1 - Math.min(step, steps) / steps) ** power
    return (step / warmupSteps) * (1 - warmupSteps / steps) ** power
  }
  return step => (step === 0 ? lr : (lr - minLr) * share(step) + minLr)
}

/** scaled = lr * batchSize / lrBatch, the linear rule; a null lrBatch does not scale. */
export function scaledLr(
  lr: number,
  { batchSize, lrBatch }: { batchSize: number; lrBatch: number | null },
): number {
  return lrBatch === null ? lr : (lr * batchSize) / lrBatch
}
