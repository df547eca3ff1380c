/** @file The texts of the report: subtitle, settings, facts. Part of the stage `report`; imports no torch. */
import { count } from '../../../io/count.ts'
import { packageVersion } from '../../../io/package-root.ts'
import type { AugmentRecipe, ScheduleRecipe } from '../../../methods/train-recipe.ts'
import { formatDuration } from '../../../train/duration.ts'
import { autoencoderOf, encoderOf, methodOf } from '../../recipe/method.ts'
import type { Recipe } from '../../recipe/schema.ts'
import type { Fact, FactGroup } from '../../report/index.ts'
import type { RunFolder } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'
import { readMarker } from '../../run/stage-marker.ts'
import { lengthWords } from '../../training/training-length.ts'
import { stageNames } from '../list.ts'

/** One line: method, size, data. */
export function subtitleOf({ recipe, dataset }: StageContext): string {
  const { train } = recipe
  return `${methodOf(recipe).words(recipe).network}, ${encoderOf(recipe).size}, on ${dataset.name} ${dataset.split} (${count(dataset.samples.length, 'image')} of ${count(dataset.classes.length, 'class')}), ${lengthWords(train)}`
}

/** The settings that matter to a reader, a group for each stage. */
export function settingsOf(recipe: Recipe): FactGroup[] {
  return [...autoencoder(recipe), ...classNetwork(recipe), ...pseudoMasks(recipe), ...segmentation(recipe)]
}

/** Versions, seed, device, and how long each stage took. `environment` was written by the training. */
export async function factsOf(
  recipe: Recipe,
  run: RunFolder,
  environment: Readonly<Record<string, string>>,
): Promise<Fact[]> {
  const { seed, precision, device } = recipe
  const times: Fact[] = []
  for (const stage of stageNames(recipe).filter(name => name !== 'report')) {
    const marker = await readMarker(run, stage)
    if (marker?.finished == null) continue
    const seconds = (Date.parse(marker.finished) - Date.parse(marker.started)) / 1000
    times.push({ name: `${stage}, start to end`, value: formatDuration(seconds) })
  }
  return [
    { name: 'tagmask', value: `${packageVersion()}, Node ${process.version}` },
    ...facts(environment),
    { name: 'seed', value: String(seed) },
    { name: 'device', value: `${device}, ${precision}` },
    ...times,
  ]
}

function autoencoder(recipe: Recipe): FactGroup[] {
  const found = autoencoderOf(recipe)
  if (found === undefined) return []
  const { settings, encoder } = found
  const { optimiser, batchSize } = settings
  return [
    {
      title: 'Autoencoder',
      facts: facts({
        encoder: encoder.size,
        'image size': `${encoder.imageSize} pixels, patches of ${encoder.patchSize}`,
        'started from': settings.weights ?? 'random weights',
        training: `${lengthWords(settings)}, batch ${batchSize}, ${optimiser.kind}, learning rate ${optimiser.lr}`,
        augmentation: augmentWords(settings.augment).join(', '),
        checkpoint: settings.checkpoint === 'last' ? 'the last' : 'the best by its precision on tags',
      }),
    },
  ]
}

function classNetwork(recipe: Recipe): FactGroup[] {
  const { train, maps, evaluate, weights } = recipe
  const words = methodOf(recipe).words(recipe)
  const { size, imageSize, patchSize, dropPath } = encoderOf(recipe)
  const { optimiser, schedule } = train
  const lr = optimiser.lrBatch === null ? optimiser.lr : (optimiser.lr * train.batchSize) / optimiser.lrBatch
  return [
    {
      title: 'Network',
      facts: facts({
        network: words.network,
        width: size,
        'image size': `${imageSize} pixels, patches of ${patchSize}`,
        'drop-path': dropPath,
        'started from': weights ?? 'random weights',
      }),
    },
    {
      title: 'Training',
      facts: facts({
        length: lengthWords(train),
        batch: train.batchSize,
        optimiser: `${optimiser.kind}, weight decay ${optimiser.weightDecay}`,
        'learning rate': `${Number(lr.toPrecision(6))}, ${schedule.kind}, ${warmUpWords(schedule)} of warm-up`,
        augmentation: augmentWords(train.augment).join(', '),
      }),
    },
    {
      title: 'CAMs',
      facts: facts({
        attention: words.maps,
        scales: `${maps.scales.join(', ')}${maps.flip ? ', each with its flip' : ''}`,
        checkpoint: checkpointWords(recipe),
        'absent classes': evaluate.absent === 'zero' ? 'count as IoU 0' : 'left out of the mean',
      }),
    },
  ]
}

function pseudoMasks({ refine, affinity }: Recipe): FactGroup[] {
  if (refine.method === 'none') return []
  const walked = refine.method === 'affinity' || refine.method === 'affinity+crf'
  return [
    {
      title: 'Pseudo masks',
      facts: facts({
        made: {
          crf: 'maps through the dense CRF',
          par: 'maps through pixel-adaptive refinement (PAR)',
          affinity: 'random walk along learned affinities',
          'affinity+crf': 'random walk along learned affinities, then the dense CRF',
        }[refine.method],
        background: refine.background,
        ...(walked && {
          'affinity network': [
            ...(affinity.network === 'edge' ? ['edges'] : []),
            affinity.backbone === 'model' ? 'size of the classification network' : affinity.backbone,
          ].join(', '),
          'its training': `${lengthWords(affinity)}, batch ${affinity.batchSize}, ${affinity.optimiser.kind}, learning rate ${affinity.optimiser.lr}`,
          walk: `2^${refine.walk.logt} steps, affinities to the power of ${refine.walk.beta}`,
        }),
      }),
    },
  ]
}

function segmentation({ segment, predict }: Recipe): FactGroup[] {
  if (segment === null) return []
  const { backbone, batchSize, cropSize, optimiser } = segment
  return [
    {
      title: 'Segmentation',
      facts: facts({
        network: `${segment.network}, ${backbone === 'model' ? 'size of the classification network' : backbone}`,
        'started from':
          segment.weights ?? (backbone === 'model' ? 'the classification network' : 'random weights'),
        training: `${lengthWords(segment)}, batch ${batchSize}, crops of ${cropSize} pixels`,
        optimiser: `${optimiser.kind}, learning rate ${optimiser.lr}`,
        'val ms': `scales ${predict.scales.join(', ')}${predict.flip ? ', each with its flip' : ''}, ${predict.combine}`,
      }),
    },
  ]
}

function warmUpWords(schedule: ScheduleRecipe): string {
  return schedule.kind === 'poly'
    ? count(schedule.warmupSteps, 'step')
    : count(schedule.warmupEpochs, 'epoch')
}

function augmentWords(augment: AugmentRecipe): string[] {
  const further =
    'jitter' in augment
      ? { ColorJitter: augment.jitter }
      : { RandAugment: augment.randAugment, erasing: augment.erasing }
  const used = Object.entries(further).flatMap(([name, options]) => (options === false ? [] : [name]))
  const kinds = {
    'padded-crop': 'padded crop',
    'expanded-crop': 'crop of the enlarged image',
    'resized-crop': 'crop',
  }
  return [kinds[augment.kind ?? 'resized-crop'], 'flip', ...used]
}

function checkpointWords({ maps, train: { select } }: Recipe): string {
  if (maps.weights !== null) return maps.weights
  if (maps.checkpoint === 'last') return 'the last'
  return select === 'tags'
    ? 'the best by mAP on the validation tags'
    : 'the best by mIoU against masks of the scored images: not from tags alone'
}

function facts(values: Readonly<Record<string, string | number>>): Fact[] {
  return Object.entries(values).map(([name, value]) => ({ name, value: String(value) }))
}
