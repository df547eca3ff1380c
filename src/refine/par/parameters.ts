/** @file Parameters of PAR, and those of AFA's code. Imports errors. */
import { InputError } from '../../errors.ts'

/** Pixel-adaptive refinement (Ru et al. 2022, equations 7 to 9; wetr/PAR.py). */
export interface ParParameters {
  /** Distances of the neighbours, pixels; each has eight. */
  readonly dilations: readonly number[]
  readonly iterations: number
  /** How alike neighbours must be, in colour and in distance, as a share of their standard deviation. */
  readonly w1: number
  /** Weight of the distances beside the colours; the paper's w3. Each iteration multiplies all masks by 1 + w2. */
  readonly w2: number
}

/** AFA on VOC. */
export const PAR: ParParameters = { dilations: [1, 2, 4, 8, 12, 24], iterations: 10, w1: 0.3, w2: 0.01 }

/** AFA on COCO. */
export const AFA_COCO_PAR: ParParameters = { ...PAR, iterations: 15 }

/** Neighbours of a pixel. */
export function neighbourCount({ dilations }: Pick<ParParameters, 'dilations'>): number {
  return 8 * dilations.length
}

/** The parameters with the defaults for what is not given. Throws InputError naming the field. */
export function parParameters(
  {
    dilations = PAR.dilations,
    iterations = PAR.iterations,
    w1 = PAR.w1,
    w2 = PAR.w2,
  }: Partial<ParParameters>,
  name: string,
): ParParameters {
  const refuse = (field: string, value: unknown, expected: string): never => {
    throw new InputError(name, `is ${value}`, { field, expected: `expected ${expected}` })
  }
  const whole = dilations.every(value => Number.isInteger(value) && value >= 1 && value <= 1024)
  if (!whole || dilations.length < 1 || dilations.length > 16)
    refuse('dilations', `[${dilations}]`, 'one to sixteen whole numbers from 1 to 1024')
  if (!(Number.isInteger(iterations) && iterations >= 0 && iterations <= 2 ** 20))
    refuse('iterations', iterations, 'an integer of at least 0')
  if (!(w1 > 0 && Number.isFinite(w1))) refuse('w1', w1, 'a number above 0')
  if (!(w2 >= 0 && Number.isFinite(w2))) refuse('w2', w2, 'a number of at least 0')
  return { dilations, iterations, w1, w2 }
}
