/** @file The backbones of AffinityNet and segmentation: networks from an image to feature maps. */
import { InputError } from '../errors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import { Module, type Parameter } from '../nn/index.ts'
import { ops, scope, type Tensor } from '../torch/index.ts'
import { loadAdapted } from './adapted-weights.ts'
import type { VitShape } from './encoder-memory.ts'
import type { LoadedWeights } from './loaded-weights.ts'
import { Resnet38, type Resnet38Options } from './resnet38/index.ts'
import {
  type AdaptedVit,
  adaptVisionTransformer,
  VisionTransformer,
  type VisionTransformerOptions,
  withGuess,
} from './vit/index.ts'
import { unwrapNames } from './weight-names.ts'

/** A map at each of three depths, from the shallow to the deep. */
export type Levels = readonly [Tensor, Tensor, Tensor]

/** A network from images to feature maps that takes pretrained weights. */
export interface PretrainedBackbone {
  readonly network: Module
  /** Pretrained weights under the names and in the shapes of this network; what is not the backbone's stays. Throws InputError. */
  adapt(weights: ReadonlyMap<string, TensorData>, options: { file: string }): AdaptedVit
}

/** Feature maps at three depths, all of one size. */
export interface DenseBackbone extends PretrainedBackbone {
  /** Pixels from one position of a feature map to the next. */
  readonly stride: number
  /** Channels of each level, from the shallow to the deep. */
  readonly channels: readonly [number, number, number]
  /** Sizes of a vision transformer, for its memory. */
  readonly transformer: VitShape | undefined
  /** images [B, 3, H, W], normalised -> for each level [B, channels, ceil(H/stride), ceil(W/stride)] */
  forward(images: Tensor): Levels
  /** The same before `spread`: of a vision transformer a position for each patch. */
  levels(images: Tensor): Levels
  /** A level, or what was made from one position by position, at the size that `forward` gives: [B, C, h, w] -> [B, C, h', w'] */
  spread(map: Tensor, images: Tensor): Tensor
}

/** ResNet38 at stride 8; levels conv4, conv5 and conv6. */
export function resnet38Backbone(options: Resnet38Options = {}): DenseBackbone {
  const network = new Resnet38(options)
  const { width = 64 } = options
  const forward = (images: Tensor): Levels => {
    const { conv4, conv5, conv6 } = network.forward(images)
    return [conv4, conv5, conv6]
  }
  return {
    network,
    stride: 8,
    channels: [8 * width, 16 * width, 64 * width],
    transformer: undefined,
    forward,
    levels: forward,
    spread: map => map,
    adapt(given, { file }) {
      const { weights, prefix } = unwrapNames(given, { anchor: 'conv1a.weight', file })
      return { weights: new Map(weights), folded: prefix === '' ? [] : [`names without ${prefix}`] }
    },
  }
}

export interface VitBackboneOptions extends VisionTransformerOptions {
  /** Of the feature maps; must divide patchSize. */
  readonly stride?: number
}

/**
 * A vision transformer read after a third, two thirds and all of its blocks. Features are resized bilinearly from
 * patchSize to `stride`, half of it by default: the heads draw borders from the differences between neighbours, and the
 * published radius of 5 positions would otherwise reach over 80 pixels instead of 40.
 */
export function vitBackbone({ stride, ...options }: VitBackboneOptions): DenseBackbone {
  const { depth, embedDim, patchSize } = options
  const fine = stride ?? (patchSize % 2 === 0 ? patchSize / 2 : patchSize)
  const network = new VisionTransformer(options)
  const layers = [1, 2, 3].map(third => Math.ceil((third * depth) / 3))
  const distinct = [...new Set(layers)]
  const levels = (images: Tensor): Levels =>
    scope(() => {
      const maps = network.forward(images, distinct)
      const [shallow, middle, deep] = layers.map(layer => maps[distinct.indexOf(layer)]!)
      return [shallow!, middle!, deep!] as const
    })
  /** Bilinear by a whole factor, then cut to the positions that lie on the image. */
  const spread = (map: Tensor, images: Tensor): Tensor => {
    const factor = patchSize / fine
    if (factor === 1) return map
    const [rows, columns] = [Math.ceil(images.size(2) / fine), Math.ceil(images.size(3) / fine)]
    return scope(() => {
      const whole = ops.upsampleBilinear2d(map, [map.size(2) * factor, map.size(3) * factor], false)
      if (whole.size(2) === rows && whole.size(3) === columns) return whole
      return whole.narrow(2, 0, rows).narrow(3, 0, columns)
    })
  }
  return {
    network,
    stride: fine,
    channels: [embedDim, embedDim, embedDim],
    transformer: { heads: options.heads, embedDim, patchSize },
    levels,
    spread,
    forward: images =>
      scope(() => {
        const coarse = levels(images)
        const maps = new Map([...new Set(coarse)].map(map => [map, spread(map, images)]))
        return coarse.map(map => maps.get(map)!) as [Tensor, Tensor, Tensor]
      }),
    adapt: (weights, options) => adaptVisionTransformer(network, weights, options),
  }
}

/** A backbone and the head on it under one set of names, as the published networks have them. */
export class DenseNetwork<
  Head extends Module,
  Backbone extends PretrainedBackbone = DenseBackbone,
> extends Module {
  readonly backbone: Backbone
  readonly head: Head

  constructor({ backbone, head }: { backbone: Backbone; head: Head }) {
    super()
    this.backbone = backbone
    this.head = head
  }

  override parameters(): Map<string, Parameter> {
    return new Map([...this.backbone.network.parameters(), ...this.head.parameters()])
  }

  override stateDict(): Map<string, Tensor> {
    return new Map([...this.backbone.network.stateDict(), ...this.head.stateDict()])
  }

  /** Starts from weights of a backbone or of a whole network (strict=False). Throws InputError naming `file`. */
  loadPretrained(weights: ReadonlyMap<string, TensorData>, { file }: { file: string }): LoadedWeights {
    return scope(() => {
      const adapted = this.backbone.adapt(weights, { file })
      if (![...this.backbone.network.stateDict().keys()].some(name => adapted.weights.has(name))) {
        throw new InputError(file, 'holds no weight of the backbone', {
          expected: withGuess(
            `names such as ${[...this.backbone.network.parameters().keys()].slice(0, 2).join(', ')}`,
            weights.keys(),
          ),
        })
      }
      return loadAdapted(this, adapted, { file, expected: 'weights of the same backbone' })
    })
  }
}
