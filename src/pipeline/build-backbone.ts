/** @file The backbone of AffinityNet and of segmentation as a recipe names it, and the weights it starts from. */
import { InputError } from '../errors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import { readWeights } from '../io/weights.ts'
import {
  type DenseBackbone,
  type DenseNetwork,
  resnet38Backbone,
  vitBackbone,
} from '../models/dense-backbone.ts'
import { type FrozenPart, Resnet38 } from '../models/resnet38/index.ts'
import { adaptVisionTransformer, deit, VisionTransformer } from '../models/vit/index.ts'
import { type Module, StateDictError } from '../nn/index.ts'
import { scope } from '../torch/index.ts'
import type { Log } from '../train/log.ts'
import { trainedWeights } from './build-method.ts'
import type { BackboneName } from './recipe/backbone.ts'
import type { Recipe } from './recipe/schema.ts'
import { fromHere, type RunFolder } from './run-folder.ts'

export interface BackboneOptions {
  readonly numClasses: number
  /** Parts of ResNet38 that do not train. */
  readonly frozen: readonly FrozenPart[]
}

const DEIT_SIDE = 224 // the pictures DeiT's position embeddings are for

/** Builds it with freshly drawn weights. */
export function buildBackbone(
  name: BackboneName,
  { model: { width, imageSize, patchSize, dropPath } }: Recipe,
  { numClasses, frozen }: BackboneOptions,
): DenseBackbone {
  if (name === 'resnet38') return resnet38Backbone({ frozen })
  if (name !== 'model') return vitBackbone({ ...deit[name], imageSize: DEIT_SIDE })
  const size = typeof width === 'string' ? deit[width] : { ...width, mlpRatio: 4 }
  return vitBackbone({ ...size, patchSize, dropPath, imageSize, classTokens: numClasses })
}

/**
 * Starts a network from the file that its section names or, where it has the class network's size, from the run's own
 * trained weights; says what was left to chance. Throws InputError when the weights are of another architecture.
 */
export async function startBackbone<Head extends Module>(
  network: DenseNetwork<Head>,
  { backbone, weights: file }: { readonly backbone: BackboneName; readonly weights: string | null },
  { recipe, run, log, stage }: { recipe: Recipe; run: RunFolder; log: Log; stage: string },
): Promise<void> {
  const from = file ?? (backbone === 'model' ? trainedWeights(recipe, run) : undefined)
  if (from === undefined) {
    log.warn(
      `${stage}: ${backbone} starts from random weights; ${stage}.weights names a file with better ones`,
    )
    return
  }
  const { missing, unexpected } = loadInto(network, await readWeights(from), from)
  const drawn = missing.length === 0 ? 'none drawn' : `drawn: ${missing.join(', ')}`
  const unused = unexpected.length === 0 ? '' : `; without use here: ${unexpected.join(', ')}`
  log.info(`${stage}: weights from ${fromHere(from)} (${drawn}${unused})`)
}

function loadInto<Head extends Module>(
  network: DenseNetwork<Head>,
  weights: ReadonlyMap<string, TensorData>,
  file: string,
): { readonly missing: readonly string[]; readonly unexpected: readonly string[] } {
  const { network: backbone } = network.backbone
  return scope(() => {
    const fitting =
      backbone instanceof VisionTransformer ? adaptVisionTransformer(backbone, weights, { file }) : weights
    if (backbone instanceof Resnet38 && !weights.has('conv1a.weight')) {
      throw new InputError(file, 'these are not the weights of a ResNet38', {
        field: 'conv1a.weight',
        expected: 'a file such as res38_cls.pth',
      })
    }
    try {
      return network.loadStateDict(fitting, { strict: false })
    } catch (cause) {
      if (!(cause instanceof StateDictError)) throw cause
      throw new InputError(file, cause.message, { expected: 'weights of the same backbone', cause })
    }
  })
}
