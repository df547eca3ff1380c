/** @file Which mask of an image is its final one. Part of the stage `result`; imports no torch. */
import { basename, join } from 'node:path'
import type { Sample } from '../../../data/dataset.ts'
import { exists } from '../../images/image-pass.ts'
import type { RunFolder } from '../../run/run-folder.ts'
import { hasStage, type StageContext } from '../../run/stage.ts'
import { predict } from '../predict/index.ts'
import { predictionFile, waysOf } from '../predict/prediction-file.ts'
import { pseudoMaskFile } from '../refine/pseudo-masks.ts'
import { roundFiles } from '../segment/round-scores.ts'

/** The files of the folder result/. */
export function resultFiles({ result }: Pick<RunFolder, 'result'>) {
  const at = (...names: string[]): string => join(result, ...names)
  return {
    masks: at('masks'),
    overlays: at('overlays'),
    labels: at('labels.txt'),
    labelsJson: at('labels.json'),
    areas: at('areas.csv'),
  }
}

/** What a mask is: where the run keeps it. */
export type MaskSource = 'labels of the last round' | 'pseudo mask' | 'seed' | 'prediction'

interface Candidate {
  readonly source: MaskSource
  readonly file: string
}

export interface FinalMask extends Candidate {
  readonly sample: Sample
  readonly split: string
  /** Name without ending, in masks/ and overlays/: the image's id, or SPLIT-ID where two splits have it. */
  readonly name: string
}

/** A final mask for each image that has any, training images first, and the images that have none. */
export async function finalMasks({
  recipe,
  run,
  dataset,
  valDataset,
}: Pick<StageContext, 'recipe' | 'run' | 'dataset' | 'valDataset'>): Promise<{
  masks: FinalMask[]
  without: Sample[]
}> {
  const rounds = recipe.segment?.retrain?.rounds ?? 0
  const ways = hasStage(predict, recipe) ? waysOf(recipe) : []
  const predictions = (split: string, id: string): Candidate[] =>
    ways.slice(-1).map(way => ({ source: 'prediction', file: predictionFile(run, { split, way, id }) }))
  const learned = (sample: Sample): Candidate[] => {
    const labelled = pseudoMaskFile(roundFiles(run, rounds).masks, sample)
    return [
      ...(rounds === 0 ? [] : [{ source: 'labels of the last round', file: labelled } as const]),
      ...(recipe.refine.method === 'none'
        ? []
        : [{ source: 'pseudo mask', file: pseudoMaskFile(run.pseudoMasks, sample) } as const]),
      { source: 'seed', file: join(run.masks, `${sample.id}.png`) },
    ]
  }
  const masks: FinalMask[] = []
  const without: Sample[] = []
  const taken = new Set<string>()
  const sets = valDataset === undefined ? [dataset] : [dataset, valDataset]
  for (const { split, samples } of sets) {
    for (const sample of samples) {
      const { id } = sample
      const candidates = [...(split === dataset.split ? learned(sample) : []), ...predictions(split, id)]
      const found = await firstThere(candidates)
      if (found === undefined) {
        without.push(sample)
        continue
      }
      const name = taken.has(id) ? `${split}-${id}` : id
      taken.add(name)
      masks.push({ sample, split, name, ...found })
    }
  }
  return { masks, without }
}

async function firstThere(candidates: readonly Candidate[]): Promise<Candidate | undefined> {
  for (const candidate of candidates) if (await exists(candidate.file)) return candidate
  return undefined
}

/** "train: pseudo mask (900), val: prediction (150)" */
export function sourcesInWords(masks: readonly FinalMask[]): string {
  const counts = new Map<string, number>()
  for (const { source, split } of masks) {
    const key = `${split}: ${source}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts].map(([key, count]) => `${key} (${count.toLocaleString('en-US')})`).join(', ')
}

/** The file name of an image, as its owner knows it. */
export function imageName({ image }: Sample): string {
  return basename(image)
}
