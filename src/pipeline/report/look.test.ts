import { readFile } from 'node:fs/promises'
import { test } from 'vitest'
import { openDataset } from '../../data/dataset.ts'
import { createRandom } from '../../data/demo/random.ts'
import { createNoise, octaves } from '../../data/demo/texture.ts'
import {
  addMaps,
  bestPoint,
  createSweep,
  meanIou,
  scoreRecord,
  sweepConfusions,
  sweepCurve,
} from '../../evaluate/index.ts'
import { readImage } from '../../io/image.ts'
import { readLabelMap } from '../../io/indexed-png.ts'
import type { Column, Example } from './index.ts'
import { writeReport } from './index.ts'

test('look', async () => {
  const voc = process.env.VOC !== undefined
  const d = await openDataset(voc ? '/work/shared/data/voc-mini' : '/tmp/look/demo', { split: 'train' })
  const r = createRandom(1, 1)
  const sweep = createSweep(d.classes.length + 1)
  const examples: Example[] = []
  const t0 = performance.now()
  for (const p of d.pictures.slice(0, 10)) {
    const image = await readImage(p.image)
    const truth = await readLabelMap(p.mask!)
    const { width, height } = truth
    const noise = createNoise(r)
    const maps = new Map<number, Float32Array>()
    for (const k of p.tags) {
      const m = new Float32Array(width * height)
      const R = Math.round(Math.max(width, height) * 0.05)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          let s = 0,
            n = 0
          for (let j = -2; j <= 2; j++)
            for (let i = -2; i <= 2; i++) {
              const yy = (y + (j * R) / 2) | 0,
                xx = (x + (i * R) / 2) | 0
              if (yy >= 0 && xx >= 0 && yy < height && xx < width) {
                n++
                if (truth.data[yy * width + xx] === k + 1) s++
              }
            }
          m[y * width + x] =
            (s / n) * 0.7 + 0.5 * octaves(noise, (x / width) * 5, (y / height) * 5 + k * 7, 2) - 0.05
        }
      maps.set(
        k,
        m.map(v => Math.max(0, Math.min(1, v))),
      )
    }
    addMaps(sweep, { maps: { width, height, maps }, truth, mapFile: '', truthFile: '' })
    const pred = new Uint8Array(width * height)
    for (let i = 0; i < pred.length; i++) {
      let b = 0.45
      for (const [k, m] of maps)
        if (m[i]! > b) {
          b = m[i]!
          pred[i] = k + 1
        }
    }
    const prediction = { width, height, data: pred }
    const columns: Column[] = [
      { kind: 'photo', title: 'photo' },
      ...[...maps].map(
        ([k, map]): Column => ({ kind: 'class map', title: `map of ${d.classes[k]}`, map, threshold: 0.45 }),
      ),
      { kind: 'mask', title: 'seed', mask: prediction },
      { kind: 'mask', title: 'ground truth', mask: truth },
      { kind: 'errors', title: 'mistakes', prediction, truth },
    ]
    examples.push({ id: p.id, image, tags: p.tags.map(k => d.classes[k]!), columns, note: 'IoU 61.2' })
  }
  const curve = sweepCurve(sweep)
  const best = bestPoint(curve)
  const score = {
    metric: 'seed' as const,
    split: 'train',
    threshold: { value: best.threshold, choice: { how: 'swept on the same masks it is scored on' as const } },
    pictures: 1000,
    result: meanIou(sweepConfusions(sweep)[sweep.thresholds.indexOf(best.threshold)]!),
  }
  const metrics = []
  for (let e = 0; e < 20; e++) {
    for (let s = 0; s < 31; s++) {
      const step = e * 31 + s
      const l = 0.6 * Math.exp(-step / 200) + 0.2
      metrics.push({
        kind: 'step',
        step,
        loss: 2 * l + r.between(-0.08, 0.08),
        'loss.class': l + r.between(-0.05, 0.05),
        'loss.patch': l + r.between(-0.05, 0.05),
        lr: 1e-3 * Math.min(1, step / 31) * 0.5 * (1 + Math.cos((Math.PI * step) / 620)),
      })
    }
    const l = 0.6 * Math.exp((-e * 31) / 200) + 0.2
    metrics.push({ kind: 'epoch', step: e * 31 + 30, loss: 2 * l, 'loss.class': l, 'loss.patch': l + 0.01 })
    metrics.push({
      kind: 'validation',
      step: e * 31 + 30,
      'mAP class-wise': 0.9 - 0.6 * Math.exp(-e / 5),
      'mAP per image': 0.95 - 0.5 * Math.exp(-e / 4),
    })
  }
  console.log('prep', performance.now() - t0)
  const t = performance.now()
  const out = await writeReport('/tmp/look/run', {
    title: voc ? 'mctformer-v2_deit-ti_voc-mini' : 'demo',
    subtitle: 'MCTformer V2 on the generated demo set, 1,000 pictures of 6 classes, 20 epochs',
    classes: d.classes,
    scores: [scoreRecord(score, d.classes, { curve })],
    examples,
    metrics,
    settings: [
      {
        title: 'Network',
        facts: [
          { name: 'method', value: 'MCTformer V2' },
          { name: 'width, depth, patch', value: '96, 3, 8' },
          { name: 'weights', value: 'random' },
        ],
      },
      {
        title: 'Training',
        facts: [
          { name: 'epochs', value: '20' },
          { name: 'batch', value: '32' },
          { name: 'learning rate', value: '1e-3, cosine' },
        ],
      },
      {
        title: 'Maps',
        facts: [
          { name: 'scales', value: '1.0 and its flip' },
          { name: 'attention', value: 'class token, last 3 layers' },
        ],
      },
    ],
    facts: [
      { name: 'tagmask', value: '0.1.0, Node v20.20.2' },
      { name: 'libtorch', value: '1.13.0, OpenBLAS 0.3.21 (SkylakeX), 2 threads' },
      { name: 'seed', value: '0' },
      { name: 'device', value: 'cpu, bf16' },
      { name: 'speed', value: '212 pictures/s training, 640 pictures/s maps' },
    ],
    warnings: [
      'images/0042.jpg could not be read (truncated JPEG) and was left out.',
      '3 pictures have no tags: kept for maps, left out of training.',
    ],
  })
  console.log('report ms', performance.now() - t, (await readFile(out.html)).length, out.pictures.length)
}, 100000)
