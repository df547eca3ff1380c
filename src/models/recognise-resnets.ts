/** @file ResNets by names and shapes: of PSA (ResNet38), torchvision and IRN (ResNet50), alone or under a head. Pure. */
import { IMAGENET } from '../data/transforms/normalise.ts'
import { below, extent, type ProposedNormalisation, type Recognised, type Shapes } from './recognised.ts'

const normalisation: ProposedNormalisation = { ...IMAGENET, words: "ImageNet's" }

export function recogniseResnet(given: Shapes): Recognised | undefined {
  const wide = below(given, 'conv1a.weight')
  if (wide !== undefined) return resnet38(wide)
  const edges = below(given, 'fc_edge6.weight')
  if (edges !== undefined) {
    const settings = ['affinity.network=edge', 'affinity.backbone=resnet50']
    return { network: "IRN's edge network on a ResNet50", settings, normalisation }
  }
  const deep = below(given, 'layer1.0.conv1.weight') ?? below(given, 'stage2.0.0.conv1.weight')
  if (deep === undefined || !isResnet50(deep)) return undefined
  const irn = !deep.has('layer1.0.conv1.weight')
  return {
    network: `a ResNet50${irn ? ", under IRN's names" : ''}`,
    settings: ['affinity.backbone=resnet50'],
    classes: extent(deep, 'fc.weight', 0),
    normalisation,
  }
}

/** Blocks of three convolutions, six of them in the third stage. */
function isResnet50(weights: Shapes): boolean {
  return ['layer3.5.conv3.weight', 'stage4.0.5.conv3.weight'].some(name => weights.has(name))
}

function resnet38(weights: Shapes): Recognised {
  const labels = extent(weights, 'fc8_seg_conv2.weight', 0)
  if (labels !== undefined) {
    const settings = ['segment.backbone=resnet38']
    return {
      network: 'a ResNet38 with the head for segmentation',
      settings,
      classes: labels - 1,
      normalisation,
    }
  }
  if (weights.has('f9.weight'))
    return {
      network: 'an AffinityNet on a ResNet38',
      settings: ['affinity.backbone=resnet38'],
      normalisation,
    }
  const classes = extent(weights, 'fc8.weight', 0)
  return {
    network: 'a ResNet38',
    settings: ['affinity.backbone=resnet38', 'segment.backbone=resnet38'],
    ...(classes !== undefined && { classes }),
    normalisation,
  }
}
