import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { averagePrecision, meanAveragePrecision } from './average-precision.ts'
import { addImage, createConfusion, labelCounts, mergeConfusion } from './confusion.ts'
import { greedyCurve } from './greedy-curve.ts'
import { describeScore, type Score, scoreWarnings } from './metric.ts'
import { meanIou } from './miou.ts'
import { predictLabels } from './predict-labels.ts'
import { formatScore, scoreRecord } from './table.ts'
import {
  addMaps,
  bestPoint,
  createSweep,
  mergeSweep,
  sweepConfusions,
  sweepCurve,
} from './threshold-sweep.ts'

const grid = (width: number, values: readonly number[]) => ({
  width,
  height: values.length / width,
  data: Uint8Array.from(values),
})

/** One threshold as evaluation.py does it: a score tensor of every label, argmax, count. */
function plainPrediction(
  maps: ReadonlyMap<number, Float32Array>,
  labels: number,
  pixels: number,
  threshold: number,
): number[] {
  return Array.from({ length: pixels }, (_, i) => {
    const scores = Array.from({ length: labels }, (_, label) =>
      label === 0 ? Math.fround(threshold) : (maps.get(label - 1)?.[i] ?? 0),
    )
    return scores.indexOf(Math.max(...scores))
  })
}

describe('threshold sweep', () => {
  const labels = 4
  // Scores on and near the thresholds, where rounding decides.
  const score = fc.oneof(
    fc.integer({ min: 0, max: 100 }).map(i => i / 100),
    fc.integer({ min: 0, max: 100 }).map(i => Math.fround(i / 100) * (1 + 2 ** -23)),
    fc.float({ min: -1, max: 2, noNaN: true }),
  )
  const sample = fc.record({
    truth: fc.array(fc.constantFrom(0, 1, 2, 3, 255), { minLength: 12, maxLength: 12 }),
    maps: fc.uniqueArray(
      fc.tuple(fc.integer({ min: 0, max: labels - 2 }), fc.array(score, { minLength: 12, maxLength: 12 })),
      {
        selector: ([k]) => k,
      },
    ),
  })

  test('one pass gives the confusion matrix of every threshold', () => {
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 3 }), samples => {
        const sweep = createSweep(labels)
        const plain = sweep.thresholds.map(() => createConfusion(labels))
        for (const { truth, maps } of samples) {
          const scores = new Map(maps.map(([k, values]) => [k, Float32Array.from(values)]))
          addMaps(sweep, {
            maps: { width: 4, height: 3, maps: scores },
            truth: grid(4, truth),
            mapFile: 'a',
            truthFile: 'b',
          })
          sweep.thresholds.forEach((t, i) => {
            const prediction = grid(4, plainPrediction(scores, labels, 12, t))
            addImage(plain[i]!, { prediction, truth: grid(4, truth), predictionFile: 'a', truthFile: 'b' })
          })
        }
        expect(sweepConfusions(sweep)).toEqual(plain)
      }),
      { numRuns: 60 },
    )
  })

  test('parts counted apart add up', () => {
    const add = (sweep: ReturnType<typeof createSweep>, values: readonly number[]) =>
      addMaps(sweep, {
        maps: { width: 2, height: 1, maps: new Map([[0, Float32Array.from(values)]]) },
        truth: grid(2, [0, 1]),
        mapFile: 'a',
        truthFile: 'b',
      })
    const [whole, first, second] = [createSweep(2), createSweep(2), createSweep(2)]
    for (const sweep of [whole, first]) add(sweep, [0.2, 0.7])
    for (const sweep of [whole, second]) add(sweep, [0.6, 0.3])
    mergeSweep(first, second)
    expect(first).toEqual(whole)
    expect(bestPoint(sweepCurve(whole)).miou).toBeCloseTo((200 / 3 + 50) / 2)
  })

  test('an image without maps is all background', () => {
    const sweep = createSweep(2)
    addMaps(sweep, {
      maps: { width: 2, height: 1, maps: new Map() },
      truth: grid(2, [0, 1]),
      mapFile: 'a',
      truthFile: 'b',
    })
    for (const confusion of sweepConfusions(sweep)) expect([...confusion.counts]).toEqual([1, 0, 0, 1, 0, 0])
  })

  test('the greedy curve stops on a plateau, the sweep does not', () => {
    const curve = [20, 20, 60].map((miou, i) => ({ threshold: i / 100, miou, fp: 0, fn: 0 }))
    expect(greedyCurve(curve)).toEqual({ visited: curve.slice(0, 2), best: curve[0] })
    expect(greedyCurve(curve, { start: 1 }).best).toEqual(curve[2])
    expect(bestPoint(curve)).toEqual(curve[2])
  })

  test.each([
    ['another size', { truth: grid(1, [0]) }, /truth\.png: the mask is 1x1 pixels but the CAM is 2x1/],
    [
      'an unknown label',
      { truth: grid(2, [0, 9]) },
      /truth\.png: holds the label 9; labels are 0 \(background\) to 1/,
    ],
    ['an unknown class', { values: new Map([[1, new Float32Array(2)]]) }, /map\.npy: holds a map of class 1/],
    [
      'a short map',
      { values: new Map([[0, new Float32Array(3)]]) },
      /map\.npy: the map of class 0 has 3 values/,
    ],
    [
      'NaN',
      { values: new Map([[0, Float32Array.of(0, Number.NaN)]]) },
      /map\.npy: the map of class 0 holds NaN/,
    ],
  ])(
    'refuses %s',
    (_, {
      truth = grid(2, [0, 1]),
      values = new Map<number, Float32Array>(),
    }: { truth?: ReturnType<typeof grid>; values?: Map<number, Float32Array> }, message) => {
      const add = () =>
        addMaps(createSweep(2), {
          maps: { width: 2, height: 1, maps: values },
          truth,
          mapFile: 'map.npy',
          truthFile: 'truth.png',
        })
      expect(add).toThrow(InputError)
      expect(add).toThrow(message)
    },
  )

  test.each([[[]], [[0.5, 0.4]], [[-0.1]], [[1.2]], [[Number.NaN]]])('refuses thresholds %j', thresholds => {
    expect(() => createSweep(2, { thresholds })).toThrow(InputError)
  })
})

describe('confusion and mIoU', () => {
  const files = { predictionFile: 'p.png', truthFile: 't.png' }

  test('ignores 255 in the truth, and counts 255 in the prediction as no label', () => {
    const confusion = createConfusion(2)
    addImage(confusion, { prediction: grid(4, [0, 1, 255, 1]), truth: grid(4, [0, 1, 1, 255]), ...files })
    const { truth, predicted, both } = labelCounts(confusion)
    expect([[...truth], [...predicted], [...both]]).toEqual([
      [1, 2],
      [1, 1],
      [1, 1],
    ])
    const { miou, fp, fn, precision, recall } = meanIou(confusion)
    expect([miou, fp, fn].map(value => Math.round(value))).toEqual([75, 0, 25])
    expect([precision, recall]).toEqual([100, 75])
  })

  test('an absent class is 0 in the mean, or left out of it', () => {
    const confusion = createConfusion(3)
    addImage(confusion, { prediction: grid(2, [0, 1]), truth: grid(2, [0, 1]), ...files })
    expect(meanIou(confusion).miou).toBeCloseTo(200 / 3)
    expect(meanIou(confusion, { absent: 'skip' }).miou).toBeCloseTo(100)
  })

  test('precision is over the predicted classes, recall over the true ones', () => {
    const confusion = createConfusion(4)
    addImage(confusion, { prediction: grid(4, [0, 0, 2, 2]), truth: grid(4, [0, 1, 1, 2]), ...files })
    const { precision, recall } = meanIou(confusion) // precision 1/2, -, 1/2, -; recall 1, 0, 1, -
    expect([precision, recall]).toEqual([50, 200 / 3])
  })

  test('counts beyond 32 bits', () => {
    const confusion = createConfusion(2)
    confusion.counts[0] = 2 ** 32
    mergeConfusion(confusion, confusion)
    addImage(confusion, { prediction: grid(1, [0]), truth: grid(1, [0]), ...files })
    expect(labelCounts(confusion).both[0]).toBe(2 ** 33 + 1)
  })

  test('refuses labels that would wrap in 8 bits, wherever they are counted or made', () => {
    const message = 'classes: 255 classes are more than a mask of 8 bits can name; give at most 254'
    const maps = { width: 1, height: 1, maps: new Map([[254, Float32Array.of(1)]]) }
    const predict = (labels: number) => () => predictLabels(maps, { labels, threshold: 0.5, file: 'm.npy' })
    expect(() => createConfusion(256)).toThrow(message)
    expect(() => createSweep(256)).toThrow(message)
    expect(predict(256)).toThrow(message)
    expect(createConfusion(255).labels).toBe(255)
    expect(predict(255)).toThrow('m.npy: holds a map of class 254; classes are 0 to 253')
  })

  test('names the file whose label is unknown', () => {
    const confusion = createConfusion(2)
    const add = (prediction: number, truth: number) => () =>
      addImage(confusion, { prediction: grid(1, [prediction]), truth: grid(1, [truth]), ...files })
    expect(add(2, 0)).toThrow(/^p\.png: holds the label 2/)
    expect(add(0, 254)).toThrow(/^t\.png: holds the label 254/)
  })
})

describe('average precision', () => {
  test.each([
    // Values of sklearn.metrics.average_precision_score 1.2.
    [[0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.8333333333333333],
    [[1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5], 0.5],
    [[0, 1, 0], [0.9, 0.1, 0.1], 1 / 3],
  ])('%j of %j', (targets, scores, want) => {
    expect(averagePrecision(targets, scores)).toBeCloseTo(want, 14)
  })

  test('the two means differ and skip what is undefined', () => {
    const tags = {
      classes: 2,
      scores: Float32Array.of(0.9, 0.1, 0.2, 0.8, 0.5, 0.6),
      targets: Uint8Array.of(1, 0, 1, 0, 0, 0),
    }
    expect(meanAveragePrecision(tags)).toEqual({ 'mAP per image': 0.75, 'mAP class-wise': (1 + 2 / 3) / 2 })
  })
})

describe('names and tables', () => {
  const confusion = createConfusion(3)
  addImage(confusion, {
    prediction: grid(4, [0, 1, 1, 0]),
    truth: grid(4, [0, 1, 0, 1]),
    predictionFile: 'p',
    truthFile: 't',
  })
  const swept: Score = {
    metric: 'seed',
    split: 'train',
    threshold: { value: 0.4, choice: { how: 'swept on the same masks it is scored on' } },
    images: 1103,
    result: meanIou(confusion),
  }

  test('a score says what it is and warns of a threshold chosen on its own masks', () => {
    expect(describeScore(swept)).toBe(
      'seed mIoU on train (1,103 images), threshold 0.40, swept on the same masks it is scored on',
    )
    expect(scoreWarnings(swept)).toHaveLength(1)
    const apart: Score = {
      ...swept,
      metric: 'val',
      threshold: { value: 0.375, choice: { how: 'chosen on split', split: 'train' } },
    }
    expect(describeScore(apart)).toContain('threshold 0.375, chosen on split train')
    expect(scoreWarnings(apart)).toEqual([])
    expect(describeScore({ ...apart, threshold: undefined })).toContain('no threshold')
  })

  test('the table lists every class, marks the absent one, and repeats the warning', () => {
    const text = formatScore(swept, ['boat', 'cat'])
    expect(text).toMatch(/^boat +33\.33 +33\.33 +33\.33$/m)
    expect(text).toMatch(/^cat .*\(no pixel\)$/m)
    expect(text).toMatch(/^mean +22\.22/m)
    expect(text).toMatch(/^33\.33 over the 2 of 3 labels that the masks hold$/m)
    expect(text).toMatch(/^precision 50\.00, recall 50\.00$/m)
    expect(text).toContain('warning: The threshold 0.40 of seed was chosen on the same train masks')
  })

  test('the record survives JSON', () => {
    const record = scoreRecord(swept, ['boat', 'cat'], { curve: [{ threshold: 0, miou: 1, fp: 2, fn: 3 }] })
    expect(JSON.parse(JSON.stringify(record))).toEqual(record)
    expect(record.classes.map(({ name, absent }) => [name, absent])).toEqual([
      ['background', false],
      ['boat', false],
      ['cat', true],
    ])
  })
})
