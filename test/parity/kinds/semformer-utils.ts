/** @file Parity of the parts of SemFormer's losses and maps with core/functional, core/utils.py and tools/ai/torch_utils.py. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { imageClasses } from '../../../src/methods/image-classes.ts'
import { complementLoss, suppressionLoss } from '../../../src/methods/semformer/activation-losses.ts'
import { regionOf } from '../../../src/methods/semformer/losses.ts'
import { stretched } from '../../../src/methods/semformer/maps.ts'
import { pairsOf } from '../../../src/methods/semformer/pairs.ts'
import { cosineSimilarity, similarityEntropy } from '../../../src/methods/semformer/similarity.ts'
import { padToPatches, resamplePositions } from '../../../src/models/vit/index.ts'
import { backward, fromData, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs, compareTensor, TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { isSemformer, makeCam } from './semformer-network.ts'

export const semformerUtils: Kind = {
  name: 'SemFormer functions',
  matches: content => isSemformer(content, 'core/functional'),
  check,
  // lists that no script reads, and a mean of any numbers, where ours is of the pairs
  inputs: [
    ...['unseen_indexes', 'unseen_classes', 'unseen_mask_total', 'indexes_total', 'classes_total'],
    ...['labels_total', 're_labels_total'],
  ]
    .map(name => `out.info.${name}`)
    .concat('out.nanmean'),
}

const config = z.object({
  patch: z.int().positive(),
  pos_sizes: z.array(z.tuple([z.int(), z.int()])),
  min_max_eps: z.literal(1e-5),
  make_cam_eps: z.literal(1e-5),
})

function check(fixture: Fixture): Comparison[] {
  const { patch, pos_sizes: sizes } = parseConfig(fixture, config)
  const given = (name: string): Tensor => fromData(tensorOf(fixture, `in.${name}`))
  return scope(() => {
    const [a, b, maps, masks] = [given('a'), given('b'), given('maps'), given('act_masks')]
    const present = imageClasses(given('act_labels'))
    const single = present.map(([first]) => (first === undefined ? [] : [first]))
    const region = given('act_grad')
    const similarities = given('bce_sim')
    similarities.requiresGrad = true
    const entropy = similarityEntropy(similarities, given('bce_label'), { zero: 'published-code' })
    backward(entropy)
    const outputs = new Map<string, Tensor>([
      ['out.cos_aligned', cosineSimilarity(a, b)],
      ['out.cos_pairs', cosineSimilarity(a.unsqueeze(2), b.unsqueeze(1))],
      ['out.min_max1', stretched(maps)],
      ['out.min_max2', stretched(maps.reshape(...maps.shape.slice(0, 2), -1)).reshape(...maps.shape)],
      ['out.make_cam', makeCam(maps)],
      ['out.pad', padToPatches(given('image'), patch)],
      ...sizes.map(
        ([rows, columns], i) => [`out.pos${i}`, resamplePositions(given('pos'), { rows, columns })] as const,
      ),
      ['out.region_mask', regions(fixture)],
      ['loss.act_cplt', complementLoss(masks, { present, region }).reshape(1)],
      ['loss.act_cplt_nograd', complementLoss(masks, { present }).reshape(1)],
      ['loss.act_supp', suppressionLoss(masks).reshape(1)],
      ['loss.bce', entropy.reshape(1)],
    ])
    return [
      ...compareOutputs(fixture, outputs),
      compareTensor('grad.bce_sim', similarities.grad!, tensorOf(fixture, 'grad.bce_sim'), {
        tolerance: TOLERANCE.gradient,
      }),
      compareExact(
        'loss.act_single',
        [complementLoss(masks, { present: single }).item()],
        toFloat64Array(tensorOf(fixture, 'loss.act_single')),
      ),
      ...checkPairs(fixture, given('labels')),
    ]
  })
}

/** Boxes in 20 rows and 16 columns. */
function regions(fixture: Fixture): Tensor {
  const [height, width] = tensorOf(fixture, 'out.region_mask').shape.slice(1) as [number, number]
  const corners = [...toFloat64Array(tensorOf(fixture, 'in.regions'))]
  const boxes = Array.from({ length: corners.length / 4 }, (_, i) => {
    const [left, top, right, bottom] = corners.slice(4 * i, 4 * i + 4) as [number, number, number, number]
    return { x: left, y: top, width: right - left, height: bottom - top }
  })
  return regionOf(boxes, { side: Math.max(height, width), scale: 1 })
    .select(1, 0)
    .narrow(1, 0, height)
    .narrow(2, 0, width)
}

/** get_label_info, of which the losses read the pairs and, for each, its own class and the others. */
function checkPairs(fixture: Fixture, labels: Tensor): Comparison[] {
  const numClasses = labels.size(1)
  const present = imageClasses(labels)
  const { images, classes, weights } = pairsOf(present, { numClasses })
  const exact = (name: string, got: ArrayLike<number>): Comparison =>
    compareExact(`out.info.${name}`, got, toFloat64Array(tensorOf(fixture, `out.info.${name}`)))
  const seen = new Float64Array(labels.elements)
  for (const [pair, image] of images.entries()) seen[image * numClasses + classes[pair]!] = 1
  return [
    exact('seen_indexes', images),
    exact('seen_classes', classes),
    exact('seen_mask_total', seen),
    exact(
      'seen_labels',
      weights.map(weight => Number(weight < 0)),
    ),
    exact(
      're_seen_labels',
      weights.map(weight => Number(weight > 0)),
    ),
  ]
}
