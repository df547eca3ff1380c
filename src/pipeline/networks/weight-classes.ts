/** @file The classes of a file of weights: written with them, compared before another data set takes them. Imports no torch. */
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import { readSafetensorsHeader } from '../../io/safetensors.ts'
import type { Log } from '../../train/log.ts'

/** For the metadata of the file. */
export function classWords(classes: readonly string[]): { classes: string } {
  return { classes: JSON.stringify(classes) }
}

/**
 * Nothing where the file names none, as those of the authors. Throws InputError for the same classes in another order; other
 * names of as many classes are warned of, as they may be the same things.
 */
export async function compareClasses(
  file: string,
  classes: readonly string[],
  { field, log }: { field: string; log: Log },
): Promise<void> {
  const header = await readSafetensorsHeader(file).catch(() => undefined) // other kinds of files name none
  const own = header && namesIn(header.metadata.classes)
  if (own === undefined || own.length !== classes.length || own.join('\n') === classes.join('\n')) return
  const [theirs, ours] = [own, classes].map(names => sample(names, 12))
  if (own.toSorted().join('\n') === classes.toSorted().join('\n'))
    throw new InputError(file, `has these classes in another order: ${theirs}; the data set's are ${ours}`, {
      field,
      expected: 'a classes.txt in the data set with the order of the file, or other weights',
    })
  log.warn(`${file}: was trained on ${theirs}; here they stand for ${ours}, in this order`)
}

function namesIn(text: string | undefined): string[] | undefined {
  try {
    const names: unknown = JSON.parse(text ?? '')
    return Array.isArray(names) ? names.map(String) : undefined
  } catch {
    return undefined
  }
}
