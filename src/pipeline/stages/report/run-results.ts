/** @file The folders and files that a run has made, the best masks first, for the report's links. Imports no torch. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '../../../data/dataset.ts'
import { exists } from '../../images/image-pass.ts'
import { addressOf, type ResultLink } from '../../report/index.ts'
import type { RunFolder } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'
import { WAYS, type Way } from '../predict/prediction-file.ts'

/** Those that exist and hold something. */
export async function resultLinks(context: StageContext): Promise<ResultLink[]> {
  const { run, dataset, valDataset } = context
  const round = await lastRound(run)
  const predicted = await Promise.all(
    [dataset, ...(valDataset === undefined ? [] : [valDataset])].map(set => predictionLink(run, set)),
  )
  const links: ResultLink[] = [
    link('result/masks', 'the final masks, one PNG for each photo'),
    link('result/overlays', 'the same laid over the photos, to look through'),
    link('result/areas.csv', 'how much of each photo each class covers'),
    link('result/labels.txt', 'the numbers, names and colours of the labels'),
    ...(round === undefined
      ? []
      : [
          link(
            `segment-rounds/${round}/masks`,
            'labels of the last round: masks that the segmentation network drew of the tagged photos',
          ),
        ]),
    link('pseudo-masks', 'pseudo masks of the tagged photos, from which the segmentation network learned'),
    link('masks', 'seeds of the tagged photos, at the threshold named below'),
    ...predicted.filter(found => found !== undefined),
    link('labels.txt', 'the numbers, names and colours of the labels in all masks'),
    link('scores.txt', 'the scores of the seed as a table'),
    link('lost-images.txt', 'images that could not be used, and why'),
  ]
  const there = await Promise.all(links.map(({ title }) => holdsSomething(join(run.root, title))))
  return links.filter((_, i) => there[i])
}

/** Number of the last training before the last that has left masks. */
export async function lastRound(run: Pick<RunFolder, 'segmentRounds'>): Promise<number | undefined> {
  const names = await readdir(run.segmentRounds).catch(() => [])
  const rounds = names.map(Number).filter(Number.isInteger)
  const there = await Promise.all(
    rounds.map(round => holdsSomething(join(run.segmentRounds, String(round), 'masks'))),
  )
  const made = rounds.filter((_, i) => there[i])
  return made.length === 0 ? undefined : Math.max(...made)
}

/** The best way by which a split was predicted. */
export async function bestWay(
  run: Pick<RunFolder, 'predictions'>,
  { split }: Pick<Dataset, 'split'>,
): Promise<Way | undefined> {
  for (const way of [...WAYS].reverse())
    if (await holdsSomething(join(run.predictions, split, way))) return way
  return undefined
}

async function predictionLink(run: RunFolder, set: Dataset): Promise<ResultLink | undefined> {
  const way = await bestWay(run, set)
  if (way === undefined) return undefined
  return link(`predictions/${set.split}/${way}`, `predictions for the images of ${set.split}`)
}

/** Whether there is such a file, or a folder with files. */
export async function holdsSomething(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => undefined)
  return names === undefined ? exists(path) : names.length > 0
}

function link(title: string, words: string): ResultLink {
  return { href: title.split('/').map(addressOf).join('/'), title, words }
}
