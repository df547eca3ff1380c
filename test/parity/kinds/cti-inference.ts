/** @file Parity of CTI's inference: CAMs of an image and its flip, their CRF exports, and the start from a DeiT's weights. */
import { z } from 'zod'
import { type TensorData, toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { loadClassTokenWeights } from '../../../src/methods/class-token-weights.ts'
import { maxNorm } from '../../../src/methods/cti/losses.ts'
import { ctiCams, ctiCamsOf } from '../../../src/methods/cti/maps.ts'
import type { Cti } from '../../../src/methods/cti/model.ts'
import { multiScaleCams } from '../../../src/methods/multi-scale.ts'
import { crfCams } from '../../../src/refine/cam-crf.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { compareProbabilities, crfFunction, crfFunctionParameters } from './crf.ts'
import { ctiConfig, isCti, withCti } from './cti-network.ts'

export const ctiInference: Kind = {
  name: 'CTI inference',
  matches: content => isCti(content, 'infer_multi'),
  check,
}

const config = ctiConfig.extend({
  alphas: z.array(z.number()),
  crf: crfFunction,
})

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const settings = parseConfig(fixture, config)
  const weights = await weightsOf(fixture)
  const { comparisons, maps } = withCti(
    settings,
    () => weights,
    options,
    network => noGrad(() => scope(() => imageMaps(network.eval(), fixture, options))),
  )
  const start = withCti(
    settings,
    () => weights,
    options,
    network => scope(() => converted(network, fixture, weights)),
  )
  const [height, width] = tensorOf(fixture, 'in.image').shape as [number, number]
  const image = { width, height, data: tensorOf(fixture, 'in.image').data }
  const keys = [...toFloat64Array(tensorOf(fixture, 'out.keys'))]
  const cams = new Map(
    keys.map((key, k) => [key, maps.subarray(k * height * width, (k + 1) * height * width)]),
  )
  const { crf, alphas } = settings
  const refined = await Promise.all(
    alphas.map(async alpha => {
      const name = `out.crf${alpha}`
      const made = await crfCams({ image, cams, alpha, ...crfFunctionParameters(crf) })
      const got = new Float32Array([...made.values()].flatMap(plane => [...plane]))
      return compareProbabilities(name, got, toFloat32Array(tensorOf(fixture, name)), image)
    }),
  )
  return [...comparisons, ...start, ...refined.flat()]
}

/** Every CAM on the way, the background's first, and the final ones of the tags. */
function imageMaps(
  network: Cti,
  fixture: Fixture,
  { device }: CheckOptions,
): { comparisons: Comparison[]; maps: Float32Array } {
  const image = fromData(tensorOf(fixture, 'in.img')).to({ device })
  const tags = toFloat32Array(tensorOf(fixture, 'in.label'))
  const classes = [...tags.keys()].filter(index => tags[index] === 1)
  const labels = [0, ...classes.map(index => index + 1)]
  const look = (images: Tensor): Tensor => ctiCams(network, images)
  const all = (stretch: (maps: Tensor) => Tensor): Tensor =>
    multiScaleCams(look, [image], { classes: labels, stretch })
  const own = ctiCamsOf(network, [{ views: [image], classes }])[0]!
  const normal = all(maxNorm)
  const outputs = new Map([
    ['eval.rcam', look(image)],
    ['eval.rcam_flip', look(image.flip(-1))],
    ['eval.cam', all(maps => maps.clone())],
    ['eval.norm_cam', normal],
  ])
  return {
    comparisons: [
      ...compareOutputs(fixture, outputs),
      compareExact('out.keys', classes, toFloat64Array(tensorOf(fixture, 'out.keys'))),
      compareExact(
        'the CAMs of the tags',
        own.toFloat32Array(),
        normal.narrow(0, 1, classes.length).toFloat32Array(),
      ),
    ],
    maps: own.toFloat32Array(),
  }
}

/** A DeiT's tokens and positions, in this network. */
function converted(network: Cti, fixture: Fixture, weights: ReadonlyMap<string, TensorData>): Comparison[] {
  const own = ['bg_token', 'pos_embed_cls', 'pos_embed_pat']
  const deit = new Map([...weights].filter(([name]) => !own.includes(name)))
  for (const [name, data] of tensorsUnder(fixture, 'in.ckpt.')) deit.set(name, data)
  noGrad(() => void ops.zero_(network.bgToken)) // a new network's
  loadClassTokenWeights(network, deit, { file: fixture.path })
  const got = [...network.stateDict()].map(([name, value]) => [`out.ckpt.${name}`, value] as const)
  return compareOutputs(fixture, new Map(got))
}
