/** @file The generation of a WeakTr file: by its names where they tell, by its metadata where tagmask wrote it. Pure. */
import { InputError } from '../../errors.ts'
import type { Shapes } from '../../models/recognised.ts'

export type Generation = 'v1' | 'v2' | 'v3'

/** Of a file whose names fit both. */
export const OPEN = 'is a WeakTr V2 or V3, which have the same names and compute different things'

const FUSION = 'adaptive_attention_fusion.'
/** In the metadata of files that tagmask writes. */
export const GENERATION_KEY = 'weaktr.generation'
const GENERATION_SETTING = 'model.fusion.generation'

/** The generations that the weights may be of; undefined without a fusion. */
export function generationOf(
  weights: Shapes,
  metadata: Readonly<Record<string, string>> = {},
): readonly Generation[] | undefined {
  const names = [...weights.keys()].flatMap(name => name.split(FUSION)[1] ?? [])
  if (names.length === 0) return undefined
  if (names.some(name => name.startsWith('fc.'))) return ['v1']
  const written = metadata[GENERATION_KEY]
  return written === 'v2' || written === 'v3' ? [written] : ['v2', 'v3']
}

/**
 * Throws InputError where a file's generation is another than the recipe's, or where neither its names nor the recipe's author
 * say which it is: the default of a recipe is no answer.
 */
export function checkGeneration(
  { weights, metadata, file }: { weights: Shapes; metadata: Readonly<Record<string, string>>; file: string },
  { generation, isChosen }: { generation: Generation; isChosen: (key: string) => boolean },
): void {
  const found = generationOf(weights, metadata)
  if (found === undefined) return
  if (!found.includes(generation)) {
    throw new InputError(
      file,
      `is a WeakTr of generation ${found.join(' or ')}, and the recipe's is ${generation}`,
      {
        field: GENERATION_SETTING,
        expected: `--set ${GENERATION_SETTING}=${found[0]}, or another file`,
      },
    )
  }
  if (found.length === 1 || isChosen(GENERATION_SETTING)) return
  throw new InputError(file, OPEN, {
    field: GENERATION_SETTING,
    expected: `--set ${GENERATION_SETTING}=v2 (published in June 2023) or v3 (since August 2023)`,
  })
}
