/** @file Warnings of trainings from random weights, in capitals, before the first step of a run. Imports no torch. */
import { stat } from 'node:fs/promises'
import { type NamedWeight, namedWeight } from '../../models/named-weights.ts'
import { checkpointFiles } from '../../train/checkpoint-files.ts'
import type { Log } from '../../train/log.ts'
import type { BackboneName } from '../recipe/backbone.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'
import type { StageDefinition } from './stage.ts'
import { readMarker } from './stage-marker.ts'

/** The warning for a network. `size`: its name, which published weights may have, too; `key` chooses it; `flag`: the option that gives weights. */
export function randomStart(
  what: string,
  { size, key, flag }: { size: string | undefined; key: string; flag: string },
): string {
  return `TRAINING STARTS FROM RANDOM WEIGHTS: ${what} has seen no image before, and its masks will be poor; ${remedy(size, { key, flag })}`
}

function remedy(size: string | undefined, { key, flag }: { key: string; flag: string }): string {
  const weight = size === undefined ? undefined : namedWeight(size)
  if (weight === undefined) {
    const small = namedWeight('deit-ti')!
    return `nobody publishes weights of this width: take --set ${key}=${small.name}, and give ${given(flag, small)}`
  }
  if (weight.address === undefined)
    return `download ${weight.file}, linked from ${weight.page}, then give ${flag}`
  return `give ${given(flag, weight)}`
}

/** "--weights deit-s, which fetches ADDRESS" */
function given(flag: string, { name, address }: NamedWeight): string {
  return `${flag.replace('FILE', name)}, which fetches ${address}`
}

/** The warning for the backbone of a stage's section; undefined where it starts from weights. */
export function randomBackbone(
  section: string,
  { backbone, weights }: { readonly backbone: BackboneName; readonly weights: string | null },
): string | undefined {
  if (weights !== null || backbone === 'model') return undefined
  const flag = `--set ${section}.weights=FILE`
  return randomStart(`${backbone} of ${section}`, { size: backbone, key: `${section}.backbone`, flag })
}

/** Logs the warning, unless this session has logged it or the training resumes. */
export async function warnOfRandomStart(
  text: string | undefined,
  { checkpoints, log }: { checkpoints: string; log: Log },
): Promise<void> {
  if (text === undefined || log.warnings.includes(text)) return
  const begun = await stat(checkpointFiles(checkpoints).state).catch(() => undefined)
  if (begun === undefined) log.warn(text)
}

/** Logs the warnings of all stages that have not begun, before the hours of the first. */
export async function warnOfRandomStarts(
  recipe: Recipe,
  {
    stages,
    run,
    force,
    log,
  }: { stages: readonly StageDefinition[]; run: RunFolder; force: boolean; log: Log },
): Promise<void> {
  for (const { name, randomStart } of stages) {
    const text = randomStart?.(recipe)
    if (text !== undefined && (force || (await readMarker(run, name)) === undefined)) log.warn(text)
  }
}
