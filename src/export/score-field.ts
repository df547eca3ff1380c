/** @file Scores in JSON. Imports nothing. */

/** The field `score` with four digits; no field where the score is not known. */
export function scoreField(score: number | undefined): { readonly score?: number } {
  return score === undefined ? {} : { score: Number(score.toFixed(4)) }
}
