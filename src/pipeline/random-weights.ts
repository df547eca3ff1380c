/** @file Trainings that start from nothing: said in capitals before the first step of a run. Imports no torch. */
import { stat } from 'node:fs/promises'
import { checkpointFiles } from '../train/checkpoint-files.ts'
import type { Log } from '../train/log.ts'
import type { BackboneName } from './recipe/backbone.ts'
import { encoderOf } from './recipe/method.ts'
import type { Recipe } from './recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'
import { type StageName, stagesOf } from './stage.ts'
import { readMarker } from './stage-marker.ts'

const DEIT_FILES = 'https://dl.fbaipublicfiles.com/deit/'
/** Where ImageNet weights of each size are: the file of DeiT's authors, and timm's name for them. */
const DEIT: Readonly<Record<string, { readonly file: string; readonly timm: string }>> = {
  'deit-ti': { file: 'deit_tiny_patch16_224-a1311bcf.pth', timm: 'deit_tiny_patch16_224' },
  'deit-s': { file: 'deit_small_patch16_224-cd65a155.pth', timm: 'deit_small_patch16_224' },
  'deit-b': { file: 'deit_base_patch16_224-b5f2ef4d.pth', timm: 'deit_base_patch16_224' },
}
const RESNET38 = 'download ResNet-38 (res38_cls.pth), linked from https://github.com/jiwoon-ahn/psa'

type TrainingStage = Extract<StageName, 'train' | 'affinity' | 'segment'>

/** What is to be said of the training of a stage; undefined where it starts from weights, or is meant to start from none. */
export function randomStart(recipe: Recipe, stage: TrainingStage): string | undefined {
  if (!stagesOf(recipe).includes(stage)) return undefined
  if (stage === 'train') {
    if (recipe.weights !== null || recipe.data.layout === 'demo') return undefined
    const source = sourceOf(encoderOf(recipe).name)
    return warning('the class network', { flag: '--weights FILE', source })
  }
  const section = recipe[stage]
  if (section === null || section.weights !== null || section.backbone === 'model') return undefined
  const { backbone } = section
  const source = backbone === 'resnet38' ? RESNET38 : sourceOf(backbone)
  return warning(`${backbone} of ${stage}`, { flag: `--set ${stage}.weights=FILE`, source })
}

/** Says it of the stage, unless that was said before in this session or its training goes on from a state. */
export async function warnOfRandomStart(
  recipe: Recipe,
  stage: TrainingStage,
  { checkpoints, log }: { checkpoints: string; log: Log },
): Promise<void> {
  const text = randomStart(recipe, stage)
  if (text === undefined || log.warnings.includes(text)) return
  const begun = await stat(checkpointFiles(checkpoints).state).catch(() => undefined)
  if (begun === undefined) log.warn(text)
}

/** Says it of all stages asked for that have not begun: before hours of the first are spent, not after. */
export async function warnOfRandomStarts(
  recipe: Recipe,
  { stages, run, force, log }: { stages: readonly StageName[]; run: RunFolder; force: boolean; log: Log },
): Promise<void> {
  for (const stage of ['train', 'affinity', 'segment'] as const) {
    if (!stages.includes(stage)) continue
    const text = randomStart(recipe, stage)
    if (text !== undefined && (force || (await readMarker(run, stage)) === undefined)) log.warn(text)
  }
}

function warning(what: string, { flag, source }: { flag: string; source: string }): string {
  return `TRAINING STARTS FROM RANDOM WEIGHTS: ${what} has seen no image before, and its masks will be poor; ${source}, then give ${flag}`
}

function sourceOf(size: BackboneName | string | undefined): string {
  const deit = size === undefined ? undefined : DEIT[size]
  if (deit === undefined)
    return `nobody publishes weights of this width: take --set model.width=deit-ti, download ${DEIT_FILES}${DEIT['deit-ti']!.file}`
  return `download ${DEIT_FILES}${deit.file} (or ${deit.timm} of timm)`
}
