/** @file `tagmask weights inspect`: what a file of weights is, by its names and shapes. Imports no torch. */
import { elementCount } from '../../io/tensor-data.ts'
import { readWeights } from '../../io/weights.ts'
import { faultWords } from '../../models/vit/faults.ts'
import { faultsOfFile } from '../../models/vit/folded-shapes.ts'
import { recogniseVit } from '../../models/vit/recognise.ts'
import { seemsToHold } from '../../models/weight-names.ts'
import type { FileInspection } from '../inspect/inspection.ts'
import { moduleSizes } from '../inspect/module-sizes.ts'
import { identify, metadataOf, normalisationOf } from './identify.ts'

/** Reads it whole. Throws InputError as readWeights does. */
export async function inspectWeights(file: string): Promise<FileInspection> {
  const weights = await readWeights(file)
  const metadata = (await metadataOf(file)) ?? {}
  const tensors = [...weights].map(([name, { shape, dtype }]) => ({ name, shape, dtype }))
  const recognised = identify(weights, metadata)
  const faults = faultsOfFile(weights, { backbone: recognised?.network === recogniseVit(weights)?.network })
  const numbers = tensors.filter(({ dtype }) => /float/.test(dtype))
  return {
    kind: 'file',
    recognised,
    guess: seemsToHold(weights.keys()),
    odd: faults === undefined ? [] : faultWords(faults),
    normalisation: await normalisationOf(file, { weights, metadata }),
    values: numbers.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    modules: moduleSizes(numbers),
    tensors,
  }
}
