/** @file `tagmask predict RUN --images FOLDER`: masks of any images with the segmentation network of a run. */
import { basename, join } from 'node:path'
import { openImages } from '../../data/folder.ts'
import type { Sample } from '../../data/sample.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { encodeImage } from '../../io/image.ts'
import { encodeLabelMap } from '../../io/indexed-png.ts'
import { legendFiles, legendSvg } from '../../io/label-legend.ts'
import { printable } from '../../io/printable.ts'
import type { Log } from '../../train/log.ts'
import { BLOCK } from '../images/image-groups.ts'
import { exists } from '../images/image-pass.ts'
import { labelImages } from '../images/label-images.ts'
import { type Shard, shardOf, shardText } from '../images/shard.ts'
import { labelWeights, loadLabelNetwork, readLabelNames, shownTo } from '../networks/build-segmentation.ts'
import type { Recipe } from '../recipe/schema.ts'
import { drawMask, type FolderPage, folderPageFiles, photoAddress, writeFolderPage } from '../report/index.ts'
import { hashOfFile } from '../run/file-origin.ts'
import { fromHere, type RunFolder } from '../run/run-folder.ts'
import type { Way } from '../stages/predict/prediction-file.ts'
import { openOutFolder, shardWords } from './out-folder.ts'
import { refuseOutPlace } from './out-place.ts'
import { type Maker, makerOf } from './out-record.ts'

export interface PredictFolderOptions {
  readonly run: RunFolder
  readonly recipe: Recipe
  /** Folder of images; those below it count too. */
  readonly images: string
  readonly out: string
  /** Refine borders by the dense CRF. */
  readonly crf: boolean
  /** Also write each mask laid over its image. */
  readonly overlays: boolean
  /** Only these of the images, without texts and page. */
  readonly shard?: Shard | undefined
  /** Recompute masks that are there. */
  readonly force: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Writes out/ID.png, out/overlays/ID.png and out/report.html, which shows them; returns how many there are. Throws InputError, also when too many images
 * could not be used, or Interrupted after an abort. Nothing is written over what it did not write.
 */
export async function predictFolder(options: PredictFolderOptions): Promise<number> {
  const { run, recipe, images, out, crf, overlays, force, signal, log } = options
  const shard = options.shard && { ...options.shard, block: BLOCK } // as they pass through the network
  const { predict, data } = recipe
  if (crf && predict.crf === null)
    throw new InputError('predict.crf', 'is null', { expected: 'leave out --crf, or set its parameters' })
  await refuseOutPlace(out, {
    places: [{ path: images, what: 'the folder of the images' }],
    data: data.root ?? undefined,
  })
  const all = await openImages(images, { report: sentence => log.warn(sentence) })
  const samples = shardOf(all, shard)
  const classes = await readLabelNames(recipe, run)
  const names = ['background', ...classes]
  const targets = new Map(all.map(({ id, image }) => [id, { id, from: [image] }]))
  const page = folderPage(options, { samples: all, classes })
  const folder = await openOutFolder({
    out,
    maker: await makerOfMasks(options),
    images: [...targets.values()],
    overlays,
    texts: new Map([
      ...legendFiles(names),
      ...(overlays ? [['overlays/legend.svg', legendSvg(names)] as const] : []),
    ]),
    page: folderPageFiles(page),
    shard,
    force,
    log,
  })
  const { network } = await loadLabelNetwork(recipe, run)
  const way: Way = crf ? 'ms-crf' : 'ms'
  const { strict } = recipe
  const filesOf = ({ id }: Sample): string[] =>
    [`${id}.png`, ...(overlays ? [`overlays/${id}.png`] : [])].map(name => join(out, name)) // not there if to be made
  const pass = { title: 'predict', ways: [way], filesOf, strict, shard, signal, log }
  const maxLost = shard === undefined ? data.maxLost : 1
  const label = (): Promise<readonly string[]> =>
    labelImages(recipe, network, samples, { ...pass, maxLost }, async ({ sample, image, labels }) => {
      const mask = labels.get(way)!
      const overlay = overlays ? await encodeImage(drawMask(image, mask, sample.id)) : undefined
      const files = { mask: encodeLabelMap(mask), ...(overlay && { overlay }) }
      await folder.write(targets.get(sample.id)!, files)
    })
  let lost: readonly string[]
  try {
    await folder.begin()
    lost = await label()
    if (folder.pageOpen) await writeFolderPage(page, { write: folder.writePage, signal, log })
  } finally {
    network.dispose()
    await folder.end()
  }
  if (shard !== undefined) {
    const part = { shard, images: samples.length, total: all.length, lost }
    log.tell(shardWords(part, { of: 'predict', out }), {
      out: fromHere(out),
      ...part,
      shard: shardText(shard),
    })
    return samples.length - lost.length
  }
  const labels = names.map((name, k) => `${k} ${printable(name, { oneLine: true })}`)
  const words = `masks in ${fromHere(out)}, to look through in ${fromHere(join(out, 'report.html'))}; labels, with their colours in labels.txt: ${labels.slice(0, 30).join(', ')}${labels.length > 30 ? ` and ${labels.length - 30} more` : ''}`
  log.tell(words, { out: fromHere(out), images: samples.length - lost.length, lost })
  return samples.length - lost.length
}

/** The page that shows the masks of all images. */
function folderPage(
  { run, images, out, crf }: PredictFolderOptions,
  { samples, classes }: { samples: readonly Sample[]; classes: readonly string[] },
): FolderPage {
  const file = ({ id }: { readonly id: string }): string => join(out, `${id}.png`)
  return {
    title: basename(out),
    subtitle: `${count(samples.length, 'image')} of ${fromHere(images)}, labelled by the run ${run.name}${crf ? ', borders refined by the dense CRF' : ''}`,
    classes,
    gallery: {
      sets: ['images'],
      images: samples.map(({ id, image }) => ({
        id,
        image,
        set: 0,
        tags: [],
        photo: photoAddress(out, image),
      })),
      tagged: false,
      masks: [
        {
          title: 'mask',
          folder: 'masks',
          whole: [''],
          file: async image => ((await exists(file(image))) ? file(image) : undefined),
        },
      ],
    },
  }
}

/** All that decides what a mask looks like. */
async function makerOfMasks({ run, recipe, crf }: PredictFolderOptions): Promise<Maker> {
  const { model, precision, memory, predict, segment } = recipe
  const { trainSplit, crf: crfParameters, crfLabels, ...look } = predict
  return makerOf({
    command: 'predict',
    run: run.root,
    recipe: join(run.root, 'recipe.yaml'),
    weights: await hashOfFile(labelWeights(recipe, run)),
    settings: {
      network: [segment?.network, segment?.backbone, model],
      shown: shownTo(recipe),
      precision,
      memory,
      look,
      crf: crf ? { ...crfParameters, crfLabels } : null,
    },
  })
}
