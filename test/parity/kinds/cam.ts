/** @file Parity of CAM with plain PyTorch (cam.py): logits, loss, every gradient, CAMs of one view and of all, with and without attention. */
import { z } from 'zod'
import { type ClassifierCamOptions, classifierCams } from '../../../src/methods/cam/maps.ts'
import { Cam } from '../../../src/methods/cam/model.ts'
import { multiScaleCams } from '../../../src/methods/multi-scale.ts'
import { multilabelSoftMargin } from '../../../src/nn/index.ts'
import { backward, fromData, noGrad, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { checkGradients } from '../gradients.ts'
import { weightsOf } from '../weights.ts'

export const cam: Kind = {
  name: 'CAM',
  matches: ({ config }) => config.model === 'CAM',
  check,
}

const config = z.object({
  embed_dim: z.int().positive(),
  depth: z.int().positive(),
  num_heads: z.int().positive(),
  num_classes: z.int().positive(),
  patch_size: z.int().positive(),
  img_size: z.int().positive(),
  mlp_ratio: z.number().positive(),
  layer_norm_eps: z.literal(1e-6),
  layers: z.int().positive(),
  positive_classes: z.array(z.int()),
  minmax_eps: z.literal(1e-8),
})

const VARIANTS: Readonly<Record<string, ClassifierCamOptions>> = {
  patchcam: { attention: 'patchcam' },
  fused: { attention: 'fused' },
  fused_refined: { attention: 'fused', refine: true },
  unclipped: { attention: 'patchcam', relu: false },
  patchcam_transposed: { attention: 'patchcam', refine: true, affinity: 'transposed' },
}

async function check(fixture: Fixture, { device }: CheckOptions): Promise<Comparison[]> {
  const { layers, positive_classes: classes, ...sizes } = parseConfig(fixture, config)
  const network = new Cam({
    numClasses: sizes.num_classes,
    imageSize: sizes.img_size,
    embedDim: sizes.embed_dim,
    depth: sizes.depth,
    heads: sizes.num_heads,
    patchSize: sizes.patch_size,
    mlpRatio: sizes.mlp_ratio,
    dropPath: 0,
  })
  const given = (name: string): Tensor => fromData(tensorOf(fixture, `in.${name}`)).to({ device })
  try {
    network.loadStateDict(await weightsOf(fixture))
    network.to(device)
    return scope(() => {
      const logits = network.train().logits(given('images'))
      const loss = multilabelSoftMargin(logits, given('targets'))
      backward(loss)
      const views = ['views.0', 'views.1'].map(given)
      const cams = noGrad(() => [
        ['eval.logits', network.eval().logits(views[0]!)] as const,
        ...Object.entries(VARIANTS).flatMap(([name, options]) => {
          const make = (images: Tensor): Tensor => classifierCams(network, images, { ...options, layers })
          return [
            [`eval.cams.${name}`, make(views[0]!)],
            [`eval.final.${name}`, multiScaleCams(make, views, { classes })],
          ] as const
        }),
      ])
      const outputs = new Map([['train.logits', logits], ['loss.loss', loss.reshape(1)], ...cams])
      return [
        ...compareOutputs(fixture, outputs),
        ...checkGradients(fixture, network.parameters(), { suffix: '' }),
      ]
    })
  } finally {
    network.dispose()
  }
}
