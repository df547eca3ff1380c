/** @file Stage `result`: copies the final masks into one folder, with overlays and areas. Imports no torch. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sample as listed } from '../../../data/listing.ts'
import { InputError } from '../../../errors.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { count } from '../../../io/count.ts'
import { encodeImage, readImage, reducedImage } from '../../../io/image.ts'
import { readLabelMap } from '../../../io/indexed-png.ts'
import { legendFiles } from '../../../io/label-legend.ts'
import { exists, limitsOf, passOver } from '../../images/image-pass.ts'
import { inParallel } from '../../images/in-parallel.ts'
import { drawMask } from '../../report/index.ts'
import { makeFolder } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'
import { type AreaRow, areasOf, areasTable } from './areas.ts'
import { type FinalMask, finalMasks, resultFiles, sourcesInWords } from './final-masks.ts'

const OVERLAY_SIDE = 1024 // pixels of an overlay's longer side, at most
const AT_ONCE = 4 // images in memory

/**
 * Writes result/: masks/ID.png, overlays/ID.jpg of at most `result.overlays` images, labels.txt, labels.json, areas.csv. Files
 * that are there stay. An image that cannot be read is named and left out, or ends the stage under `strict`.
 */
export async function resultStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, log } = context
  const { masks, without } = await finalMasks(context)
  const files = resultFiles(run)
  const most = recipe.result.overlays
  const overlays = masks.length <= most
  await makeFolder(files.masks)
  if (overlays) await makeFolder(files.overlays)
  for (const [name, text] of legendFiles(['background', ...dataset.classes])) {
    const file = join(run.result, name)
    if (!(await exists(file))) await writeFileAtomic(file, text)
  }
  const rows = await writeFinalMasks(context, masks, { overlays })
  if (!(await exists(files.areas))) await writeFileAtomic(files.areas, areasTable(rows, dataset.classes))
  if (!overlays)
    log.info(
      `result: no overlays, since there are more than ${count(most, 'image')} (--set result.overlays=${masks.length})`,
    )
  log.info(`result: ${sourcesInWords(masks)}`)
  if (without.length > 0)
    log.info(
      `result: ${count(without.length, 'image', 'has')} no mask, since no stage has made one: ${listed(without.map(({ id }) => id))}`,
    )
}

/** Returns a row for each image, in their order. */
async function writeFinalMasks(
  context: StageContext,
  masks: readonly FinalMask[],
  { overlays }: { overlays: boolean },
): Promise<AreaRow[]> {
  const { dataset, run, signal } = context
  const folders = resultFiles(run)
  const rows = new Map<string, AreaRow>()
  const made = masks.map(mask => ({ id: mask.sample.id, mask }))
  await passOver(made, { ...limitsOf(context), title: 'result' }, async pass => {
    const one = async (entry: (typeof made)[number]): Promise<void> => {
      if (signal.aborted) return
      const { mask } = entry
      const target = join(folders.masks, `${mask.name}.png`)
      const overlay = join(folders.overlays, `${mask.name}.jpg`)
      try {
        if (!(await exists(target))) await writeFileAtomic(target, await readFile(mask.file)) // a copy: people change it
        const labels = await readLabelMap(target)
        rows.set(mask.name, areasOf(mask, labels, dataset.classes.length + 1))
        if (overlays && !(await exists(overlay))) {
          const drawn = drawMask(await readImage(mask.sample.image), labels, mask.sample.id)
          await writeFileAtomic(
            overlay,
            await encodeImage(await reducedImage(drawn, OVERLAY_SIDE), { format: 'jpeg', quality: 85 }),
          )
        }
        pass.done()
      } catch (error) {
        if (isOfResult(error, run.result)) throw error
        pass.lose(entry, error)
      }
    }
    await inParallel(pass.open, one, { atOnce: AT_ONCE })
  })
  return masks.flatMap(({ name }) => rows.get(name) ?? [])
}

/** A file that cannot be written is no fault of its image. */
function isOfResult(error: unknown, folder: string): boolean {
  return error instanceof InputError && error.file.startsWith(folder)
}
