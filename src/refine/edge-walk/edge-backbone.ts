/** @file The backbones of the edge network: ResNet50 at five depths, as published, or a dense backbone at three. */
import type { DenseBackbone, PretrainedBackbone } from '../../models/dense-backbone.ts'
import type { VitShape } from '../../models/encoder-memory.ts'
import {
  RESNET50_STRIDES,
  Resnet50,
  type Resnet50Options,
  torchvisionName,
} from '../../models/resnet50/index.ts'
import { unwrapNames } from '../../models/weight-names.ts'
import type { Tensor } from '../../torch/index.ts'
import { EDGE_STRIDE, edgeStride } from './parameters.ts'

/** One of the maps that the edges are drawn from. */
export interface EdgeLevel {
  readonly channels: number
  /** Pixels from one position to the next, a multiple of the edge map's. */
  readonly stride: number
}

export interface EdgeBackbone extends PretrainedBackbone {
  readonly levels: readonly EdgeLevel[]
  /** Of the edge map. */
  readonly stride: number
  /** How maps are enlarged: corners on corners, as published for convolutions, or cell by cell, for patches. */
  readonly alignCorners: boolean
  /** Sizes of a vision transformer, for its memory. */
  readonly transformer: VitShape | undefined
  /** images [B, 3, H, W], normalised -> for each level [B, channels, ceil(H/stride), ceil(W/stride)] */
  forward(images: Tensor): readonly Tensor[]
}

/** ResNet50 after the first pooling and each of its stages. Takes torchvision's weights and those of a published AffinityNet. */
export function resnet50Backbone(options: Resnet50Options = {}): EdgeBackbone {
  const network = new Resnet50(options)
  return {
    network,
    levels: RESNET50_STRIDES.map((stride, i) => ({ channels: network.channels[i]!, stride })),
    stride: EDGE_STRIDE,
    alignCorners: true,
    transformer: undefined,
    forward: images => network.forward(images),
    adapt(given, { file }) {
      const published = [...given.keys()].some(name => /(^|\.)stage2\.0\.0\.conv1\.weight$/.test(name))
      const anchor = published ? 'stage2.0.0.conv1.weight' : 'layer1.0.conv1.weight'
      const { weights, prefix } = unwrapNames(given, { anchor, file })
      const named = [...weights].flatMap(([name, value]) => {
        const own = torchvisionName(name)
        return own === undefined ? [] : [[own, value] as const]
      })
      return { weights: new Map(named), folded: prefix === '' ? [] : [`names without ${prefix}`] }
    },
  }
}

/** The levels of ResNet38 or of a vision transformer; of the latter at its own patches (`stride: patchSize`). */
export function edgeBackboneOf(dense: DenseBackbone): EdgeBackbone {
  const { stride, channels, transformer } = dense
  return {
    ...dense,
    levels: channels.map(count => ({ channels: count, stride })),
    stride: edgeStride(stride),
    alignCorners: transformer === undefined,
  }
}
