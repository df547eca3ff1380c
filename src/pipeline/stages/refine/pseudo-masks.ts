/** @file The pseudo masks of a run, looked through before anything is trained on them. Part of the stage `segment`; imports no torch. */
import { join } from 'node:path'
import type { Sample } from '../../../data/dataset.ts'
import { sample } from '../../../data/listing.ts'
import { InputError } from '../../../errors.ts'
import { assertLabels } from '../../../evaluate/index.ts'
import { count } from '../../../io/count.ts'
import { type LabelMap, readLabelMap } from '../../../io/indexed-png.ts'
import { UNSURE } from '../../../io/label-values.ts'
import type { Log } from '../../../train/log.ts'
import { exists } from '../../images/image-pass.ts'
import { notNamed } from '../../images/lost-images.ts'
import { fromHere } from '../../run/run-folder.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'

/** The file of one image's pseudo mask. */
export function pseudoMaskFile(folder: string, { id }: Pick<Sample, 'id'>): string {
  return join(folder, `${id}.png`)
}

/**
 * The images that have a pseudo mask in the folder; `unsure`: whether pixels may be 254. Names those that have a tag and none, unless a
 * stage has, and classes without a pixel anywhere. Throws InputError naming the file for a label that is no class, and when no image has a mask at all.
 */
export async function withPseudoMasks(
  { dataset: { samples, classes }, recipe, run, log, signal }: StageContext,
  { folder, unsure }: { folder: string; unsure: boolean },
): Promise<Sample[]> {
  const progress = log.progress({ title: 'reading pseudo masks', total: samples.length })
  const seen = new Uint8Array(256)
  const without: Sample[] = []
  const found: Sample[] = []
  for (const [i, sample] of samples.entries()) {
    if (signal.aborted) throw new Interrupted('the pseudo masks')
    const file = pseudoMaskFile(folder, sample)
    const mask = (await exists(file)) ? await readMask(file, { strict: recipe.strict, log }) : undefined
    if (mask === undefined) without.push(sample)
    else {
      const known = unsure ? mask.data.filter(label => label !== UNSURE) : mask.data
      assertLabels(known, classes.length + 1, fromHere(file))
      for (let p = 0; p < mask.data.length; p++) seen[mask.data[p]!] = 1
      found.push(sample)
    }
    progress.update(i + 1)
  }
  progress.drop()
  if (found.length === 0) {
    throw new InputError(fromHere(folder), `holds no mask for any of ${count(samples.length, 'image')}`, {
      expected: 'run the stage refine of this run first',
    })
  }
  const tagged = without.filter(({ tags }) => tags.length > 0)
  const unnamed = await notNamed(run.lostImages, tagged)
  if (unnamed.length > 0) {
    const all = count(samples.length, 'image')
    log.warn(`${unnamed.length} of ${all} without a pseudo mask, not trained on: ${sample(unnamed)}`)
  }
  const unseen = classes.filter((_, k) => seen[k + 1] === 0)
  if (unseen.length > 0)
    log.warn(
      `no pseudo mask has a pixel of ${unseen.join(', ')}: the network cannot learn ${unseen.length === 1 ? 'it' : 'them'}`,
    )
  return found
}

/** Undefined, and named, when it cannot be read. */
async function readMask(
  file: string,
  { strict, log }: { strict: boolean; log: Log },
): Promise<LabelMap | undefined> {
  try {
    return await readLabelMap(file)
  } catch (error) {
    if (strict || !(error instanceof InputError)) throw error
    log.warn(error.message)
    return undefined
  }
}
