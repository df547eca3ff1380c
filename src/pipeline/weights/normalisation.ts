/** @file Warns where pixels are not normalised as the weights expect. Imports no torch. */
import type { Normalisation } from '../../data/transforms/normalise.ts'
import type { Shapes } from '../../models/recognised.ts'
import type { Log } from '../../train/log.ts'
import { fromHere } from '../run/run-folder.ts'
import { metadataOf, normalisationOf } from './identify.ts'

/** Logs nothing where they agree or the weights do not tell; the warning comes once. `key`: of the recipe. */
export async function warnOfNormalisation(
  file: string,
  weights: Shapes,
  { used, key, log }: { used: Normalisation; key: string; log: Log },
): Promise<void> {
  const proposed = await normalisationOf(file, { weights, metadata: (await metadataOf(file)) ?? {} })
  if (proposed === undefined || proposed.doubtful !== undefined || sameNormalisation(proposed, used)) return
  const text = `${fromHere(file)} was trained on pixels normalised by ${numbers(proposed)} (${proposed.words}), and ${key} is ${numbers(used)}: --set ${key}='{mean: [${proposed.mean.join(', ')}], std: [${proposed.std.join(', ')}]}'`
  if (!log.warnings.includes(text)) log.warn(text)
}

/** Published numbers are rounded here and there. */
function sameNormalisation(one: Normalisation, other: Normalisation): boolean {
  return [0, 1, 2].every(
    i => Math.abs(one.mean[i]! - other.mean[i]!) < 0.002 && Math.abs(one.std[i]! - other.std[i]!) < 0.002,
  )
}

/** "mean [0.5, 0.5, 0.5], std [0.5, 0.5, 0.5]" */
export function numbers({ mean, std }: Normalisation): string {
  return `mean [${mean.join(', ')}], std [${std.join(', ')}]`
}
