/** @file Parity of gradient clipping with WeakTr's GradientClipping: losses, gradients, which pixels are clipped, which sizes are refused. */
import { z } from 'zod'
import { InputError } from '../../../src/errors.ts'
import {
  clipGradients,
  type GradientClippingOptions,
  gradientClippingLoss,
  pixelCrossEntropy,
} from '../../../src/models/segmentation/index.ts'
import { backward, fromData, noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs, compareTensor, TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'

export const weaktrGradclip: Kind = {
  name: 'WeakTr gradient clipping',
  matches: ({ config, source }) => /GradientClipping/.test(source) && 'cases' in config,
  check,
}

const configSchema = z.object({
  ignore: z.literal(255),
  cases: z.array(
    z.object({
      batch: z.int(),
      classes: z.int(),
      height: z.int(),
      width: z.int(),
      patch_size: z.int().positive(),
      start_value: z.number(),
      mean_loss: z.number(),
      clipping: z.boolean(),
      zero_grad_share: z.number(),
    }),
  ),
  refused: z.array(z.tuple([z.int(), z.int(), z.int().positive(), z.string()])).default([]),
})
type Case = z.infer<typeof configSchema>['cases'][number]

function check(fixture: Fixture, options: CheckOptions): Comparison[] {
  const { cases, refused } = parseConfig(fixture, configSchema)
  return [
    ...cases.flatMap((entry, i) => scope(() => checkCase(fixture, i, { ...entry, ...options }))),
    ...refused.map(([height, width, patchSize, outcome], i) => {
      const got = outcomeOf({ height, width, patchSize }, options)
      const want = outcome.startsWith('ok') ? outcome.slice('ok '.length) : 'refused'
      return {
        ...compareExact(`config.refused.${i}`, [got === want ? 1 : 0], [1]),
        note: `${outcome}: ${got}`,
      }
    }),
  ]
}

function checkCase(
  fixture: Fixture,
  i: number,
  { start_value, patch_size, mean_loss, clipping, zero_grad_share, device }: Case & CheckOptions,
): Comparison[] {
  const options: GradientClippingOptions = { startValue: start_value, patchSize: patch_size }
  const logits = fromData(tensorOf(fixture, `in.${i}.logits`)).to({ device })
  logits.requiresGrad = true
  const labels = fromData(tensorOf(fixture, `in.${i}.labels`)).to({ device, dtype: 'int64' })
  const pixels = pixelCrossEntropy(logits, labels)
  const clipped = clipGradients(pixels, options)
  const { total, unclipped } = gradientClippingLoss(logits, labels, options)
  backward(total)
  const gradient = logits.grad!
  const wanted = tensorOf(fixture, `grad.${i}.logits`)
  const [got, want] = [gradient, fromData(wanted)].map(untouched) as [number[], number[]]
  const share = got.reduce((sum, zero) => sum + zero, 0) / got.length
  const at = `config.cases.${i}`
  return [
    ...compareOutputs(
      fixture,
      new Map([
        [`out.${i}.pixel_loss`, pixels],
        [`out.${i}.clipped_loss`, clipped],
        [`out.${i}.loss`, total.reshape(1)],
      ]),
    ),
    compareTensor(`grad.${i}.logits`, gradient, wanted, { tolerance: TOLERANCE.gradient }),
    compareExact(`pixels without gradient in grad.${i}.logits`, got, want),
    compareFloat(`${at}.mean_loss`, [unclipped.item()], [mean_loss], TOLERANCE.output),
    compareExact(`${at}.clipping`, [clipped === pixels ? 0 : 1], [clipping ? 1 : 0]),
    compareFloat(`${at}.zero_grad_share`, [share], [zero_grad_share], 1e-7),
  ]
}

/** 1 for each pixel whose gradient is exactly 0 for every label. gradient [B, K, H, W] */
function untouched(gradient: Tensor): number[] {
  return scope(() => [...ops.eqScalar(ops.amax(ops.abs(gradient), { dim: [1] }), 0).toFloat32Array()])
}

/** The output shape for a crop of this size, as Python writes it, or that it is refused. */
function outcomeOf(
  { height, width, patchSize }: { height: number; width: number; patchSize: number },
  { device }: CheckOptions,
): string {
  try {
    return noGrad(() =>
      scope(() => {
        const losses = ops.rand([1, height, width], { device })
        return `(${clipGradients(losses, { startValue: 1, patchSize }).shape.join(', ')})`
      }),
    )
  } catch (error) {
    if (error instanceof InputError) return 'refused'
    throw error
  }
}
