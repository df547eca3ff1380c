/** @file Parity of the segmentation network's logits with seg/network/resnet38_seg.py (`seg_forward_*` files). */
import { toFloat32Array } from '../../../src/io/tensor-data.ts'
import { fromData, noGrad, scope } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareFloat } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, tensorOf } from '../fixture.ts'
import { normalisedImage } from './psa-seg-transforms.ts'
import { withSegmentation } from './seg-network.ts'

export const segForward: Kind = {
  name: 'ResNet38 segmentation network',
  matches: ({ source, has }) => /resnet38_seg/.test(source) && has('eval.logits'),
  check,
}

function check(fixture: Fixture, options: CheckOptions): Promise<readonly Comparison[]> {
  const input = tensorOf(fixture, 'in.x')
  const own = normalisedImage(tensorOf(fixture, 'in.image_rgb'))
  return withSegmentation(fixture, options, network =>
    scope(() => {
      const logits = noGrad(() => network.forward(fromData(input).to(options)))
      return [
        { ...compareFloat('in.x', own, toFloat32Array(input), 1e-6), note: 'of in.image_rgb' },
        ...compareOutputs(fixture, new Map([['eval.logits', logits]])),
      ]
    }),
  )
}
