/** @file Unary terms of the dense CRF as descriptions; the addon computes them off the main thread. Imports errors. */
import { InputError } from '../errors.ts'

/** Scores in [0, 1] per label, [labels, height, width]; they need not add up to 1. See unaryFromScores. */
export interface ScoreUnary {
  readonly kind: 'scores'
  readonly scores: Float32Array
  readonly clip: number | undefined
  readonly scale: number | undefined
}

/** One label a pixel, [height, width], -1 where it is unsure. See unaryFromLabels. */
export interface LabelUnary {
  readonly kind: 'labels'
  readonly labelMap: Int32Array
  readonly labels: number
  readonly gtProb: number
}

/** Energies [labels, height, width], or scores or labels to make them from. */
export type Unary = Float32Array | ScoreUnary | LabelUnary

/**
 * -log(clip(score, clip, 1)) as pydensecrf's unary_from_softmax; `clip: null` does not clip: scores must
 * then be positive. `scale` in (0, 1] first mixes the scores with the uniform distribution. Throws InputError.
 */
export function unaryFromScores(
  scores: Float32Array,
  { clip = 1e-5, scale }: { clip?: number | null; scale?: number } = {},
): ScoreUnary {
  if (!(scores instanceof Float32Array)) throw wrong('scores', 'not a Float32Array')
  if (clip !== null && !(clip >= 1e-37 && clip <= 1))
    throw wrong('clip', `is ${clip}`, 'in [1e-37, 1], or null')
  if (scale !== undefined && !(scale > 0 && scale <= 1)) throw wrong('scale', `is ${scale}`, 'in (0, 1]')
  return { kind: 'scores', scores, clip: clip ?? undefined, scale }
}

export interface LabelUnaryOptions {
  /** Labels of the result; with `zeroUnsure`, 0 is not among them. */
  readonly labels: number
  /** Probability that a given label is right, in (0, 1). */
  readonly gtProb: number
  /** Label 0 means "could be anything" and label k is result k - 1 (pydensecrf's zero_unsure). */
  readonly zeroUnsure?: boolean
  /** A further label that means "could be anything", such as 255. */
  readonly ignore?: number
}

/**
 * -log(gtProb) for a pixel's label and -log((1 - gtProb) / (labels - 1)) for the others, uniform where unsure:
 * pydensecrf's unary_from_labels. labelMap is [height, width]. Throws InputError on a label out of range.
 */
export function unaryFromLabels(
  labelMap: ArrayLike<number>,
  { labels, gtProb, zeroUnsure = false, ignore }: LabelUnaryOptions,
): LabelUnary {
  if (!Number.isInteger(labels) || labels < 1)
    throw wrong('labels', `is ${labels}`, 'an integer of at least 1')
  if (!(gtProb > 0 && gtProb < 1)) throw wrong('gtProb', `is ${gtProb}`, 'in (0, 1)')
  const shift = zeroUnsure ? 1 : 0
  const shifted = new Int32Array(labelMap.length)
  for (let i = 0; i < shifted.length; i++) {
    const value = labelMap[i]!
    const label = value === ignore ? -1 : value - shift
    const unsure = value === ignore || (zeroUnsure && value === 0)
    if (!unsure && !(Number.isInteger(label) && label >= 0 && label < labels)) {
      throw wrong('labelMap', `pixel ${i} has label ${value}`, `from 0 to ${labels - 1 + shift}`)
    }
    shifted[i] = label
  }
  return { kind: 'labels', labelMap: shifted, labels, gtProb }
}

function wrong(field: string, problem: string, expected?: string): InputError {
  return new InputError('dense CRF unary', problem, {
    field,
    ...(expected && { expected: `expected ${expected}` }),
  })
}
