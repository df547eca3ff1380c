/** @file Warnings of trainings from random weights, in capitals, before the first step of a run. Imports no torch. */
import { stat } from 'node:fs/promises'
import { checkpointFiles } from '../../train/checkpoint-files.ts'
import type { Log } from '../../train/log.ts'
import type { BackboneName } from '../recipe/backbone.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'
import type { StageDefinition } from './stage.ts'
import { readMarker } from './stage-marker.ts'

const DEIT_FILES = 'https://dl.fbaipublicfiles.com/deit/'
/** Where ImageNet weights of each size are: the file of DeiT's authors, and timm's name for them. */
const DEIT: Readonly<Record<string, { readonly file: string; readonly timm: string }>> = {
  'deit-ti': { file: 'deit_tiny_patch16_224-a1311bcf.pth', timm: 'deit_tiny_patch16_224' },
  'deit-s': { file: 'deit_small_patch16_224-cd65a155.pth', timm: 'deit_small_patch16_224' },
  'deit-b': { file: 'deit_base_patch16_224-b5f2ef4d.pth', timm: 'deit_base_patch16_224' },
}
const RESNETS = {
  resnet38: 'download ResNet-38 (res38_cls.pth), linked from https://github.com/jiwoon-ahn/psa',
  resnet50: 'download https://download.pytorch.org/models/resnet50-19c8e357.pth',
} as const

/** The warning for a network. `size`: its DeiT size, if any; `key` chooses it; `flag`: the option that gives weights. */
export function randomStart(
  what: string,
  {
    size,
    key,
    flag,
    source = sourceOf(size, key),
  }: { size: string | undefined; key: string; flag: string; source?: string | undefined },
): string {
  return `TRAINING STARTS FROM RANDOM WEIGHTS: ${what} has seen no image before, and its masks will be poor; ${source}, then give ${flag}`
}

/** The warning for the backbone of a stage's section; undefined where it starts from weights. */
export function randomBackbone(
  section: string,
  { backbone, weights }: { readonly backbone: BackboneName; readonly weights: string | null },
): string | undefined {
  if (weights !== null || backbone === 'model') return undefined
  const flag = `--set ${section}.weights=FILE`
  const source = backbone === 'resnet38' || backbone === 'resnet50' ? { source: RESNETS[backbone] } : {}
  return randomStart(`${backbone} of ${section}`, {
    size: backbone,
    key: `${section}.backbone`,
    flag,
    ...source,
  })
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

function sourceOf(size: string | undefined, key: string): string {
  const deit = size === undefined ? undefined : DEIT[size]
  if (deit === undefined)
    return `nobody publishes weights of this width: take --set ${key}=deit-ti, download ${DEIT_FILES}${DEIT['deit-ti']!.file}`
  return `download ${DEIT_FILES}${deit.file} (or ${deit.timm} of timm)`
}
