/** @file The files of the stage `predict`: predictions/SPLIT/WAY/ID.png. Imports no torch. */
import { join } from 'node:path'
import type { Recipe } from '../../recipe/schema.ts'
import type { RunFolder } from '../../run/run-folder.ts'

/** The kinds of prediction: at one scale, at several, and with the dense CRF; the name of its folder. */
export const WAYS = ['single', 'ms', 'ms-crf'] as const
export type Way = (typeof WAYS)[number]

/** The ways of a recipe. */
export function waysOf({ predict: { crf } }: Recipe): Way[] {
  return WAYS.filter(way => way !== 'ms-crf' || crf !== null)
}

/** The file of one image's labels. */
export function predictionFile(
  run: RunFolder,
  { split, way, id }: { split: string; way: Way; id: string },
): string {
  return join(run.predictions, split, way, `${id}.png`)
}
