/** @file Parity of seg/infer_seg.py: probabilities over scales, dense CRF, labels, score (`seg_infer` files). */
import { z } from 'zod'
import { addImage, createConfusion } from '../../../src/evaluate/confusion.ts'
import { meanIou } from '../../../src/evaluate/miou.ts'
import type { RgbImage } from '../../../src/io/image.ts'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { labelProbabilities, type SegmentationNetwork } from '../../../src/models/segmentation/index.ts'
import { unaryFromScores } from '../../../src/refine/crf-unary.ts'
import { denseCrf, mostProbableLabels } from '../../../src/refine/dense-crf.ts'
import { scope, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { compareLabels, compareProbabilities, crfTerms, pairwiseTerms } from './crf.ts'
import { normalisedImage } from './psa-seg-transforms.ts'
import { networkConfig, withSegmentation } from './seg-network.ts'

export const segInference: Kind = {
  name: 'ResNet38 segmentation inference',
  matches: ({ source, has }) => /seg\/infer_seg\.py/.test(source) && has('eval.probs'),
  check,
}

const inferenceConfig = networkConfig.extend({
  scales: z.array(z.number().gt(0)),
  aggregation: z.literal('max over scales of softmax; no flip'),
  input_resize: z.string().includes('align_corners=True'),
  logit_resize: z.string().includes('align_corners=False'),
  crf: crfTerms.extend({ t: z.int() }),
})
type Config = z.infer<typeof inferenceConfig>

async function check(fixture: Fixture, options: CheckOptions): Promise<readonly Comparison[]> {
  const config = parseConfig(fixture, inferenceConfig)
  const { data, shape } = tensorOf(fixture, 'in.image_rgb')
  const image = { height: shape[0]!, width: shape[1]!, data }
  const { comparisons, scores } = await withSegmentation(fixture, options, network =>
    checkProbabilities(fixture, { network, image, config, ...options }),
  )
  const terms = { iterations: config.crf.t, ...pairwiseTerms(config.crf) }
  const refined = await denseCrf({ image, unary: unaryFromScores(scores), ...terms })
  return [
    ...comparisons,
    ...compareProbabilities('eval.crf', refined, toFloat32Array(tensorOf(fixture, 'eval.crf')), image),
    compareLabels('eval.pred', mostProbableLabels(refined, image).data, tensorOf(fixture, 'eval.pred').data),
    ...checkScore(fixture, config),
  ]
}

function checkProbabilities(
  fixture: Fixture,
  {
    network,
    image,
    config,
    device,
  }: { network: SegmentationNetwork; image: RgbImage; config: Config } & CheckOptions,
): { comparisons: Comparison[]; scores: Float32Array } {
  return scope(() => {
    const input = tensor(normalisedImage(tensorOf(fixture, 'in.image_rgb')), [
      1,
      3,
      image.height,
      image.width,
    ])
    const { multi: batch } = labelProbabilities(network, input.to({ device }), {
      scales: config.scales,
      flip: false,
      combine: 'max',
      alignCorners: true,
    })
    const multi = batch.select(0, 0) // of the one image
    return {
      comparisons: compareOutputs(fixture, new Map([['eval.probs', multi]])),
      scores: multi.toFloat32Array(),
    }
  })
}

/** The score of the file's own labels, so that one pixel at a border does not hide a wrong count. */
function checkScore(fixture: Fixture, { num_classes: labels }: Config): Comparison[] {
  const grid = (name: string) => {
    const { shape, data } = tensorOf(fixture, name)
    return { height: shape[0]!, width: shape[1]!, data }
  }
  const confusion = createConfusion(labels)
  addImage(confusion, {
    prediction: grid('eval.pred'),
    truth: grid('in.gt'),
    predictionFile: 'eval.pred',
    truthFile: 'in.gt',
  })
  const counts = Array.from({ length: labels ** 2 }, (_, i) => {
    const [row, column] = [Math.floor(i / labels), i % labels]
    return confusion.counts[row * (labels + 1) + column]!
  })
  const result = meanIou(confusion, { absent: 'skip' })
  const iou = result.labels.map(({ iou, truthPixels, predictedPixels }) =>
    truthPixels + predictedPixels === 0 ? -1 : iou / 100,
  )
  return [
    compareExact('eval.confusion', counts, toFloat64Array(tensorOf(fixture, 'eval.confusion'))),
    compareFloat('eval.iou', iou, toFloat64Array(tensorOf(fixture, 'eval.iou')), 1e-9),
    compareFloat('eval.miou', [result.miou / 100], toFloat64Array(tensorOf(fixture, 'eval.miou')), 1e-9),
  ]
}
