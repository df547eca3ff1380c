/** @file The metrics of all trainings of a run, for its report. Imports no torch. */
import { readMetrics } from '../../../train/metrics.ts'
import type { Training } from '../../report/index.ts'
import type { StageContext } from '../../run/stage.ts'
import { roundFiles } from '../segment/round-scores.ts'

/** Those that have begun, in the order of the pipeline. */
export async function readTrainings({
  recipe,
  run,
}: Pick<StageContext, 'recipe' | 'run'>): Promise<Training[]> {
  const rounds = Array.from({ length: recipe.segment?.retrain?.rounds ?? 0 }, (_, i) => i + 1)
  const files = [
    { of: 'autoencoder', path: run.autoencoderMetrics },
    { of: 'classification network', path: run.metrics },
    { of: 'AffinityNet', path: run.affinityMetrics },
    ...rounds.map(round => ({
      of: `segmentation, round ${round}`,
      path: roundFiles(run, round).metrics,
    })),
    { of: 'segmentation', path: run.segmentMetrics },
  ]
  const trainings = await Promise.all(
    files.map(async ({ of, path }) => ({ of, rows: await readMetrics(path) })),
  )
  return trainings.filter(({ rows }) => rows.length > 0)
}
