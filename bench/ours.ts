/** @file Our side of the benchmark, one measurement in a process of its own. Prints one JSON line. Run by bench.ts. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildCti, buildMctformer, buildWeaktr, type Method } from '../src/methods/index.ts'
import { buildAutoencoder } from '../src/methods/semformer/autoencoder.ts'
import { buildSemformer } from '../src/methods/semformer/index.ts'
import { autoencoderRecipe, semformerModelRecipe } from '../src/methods/semformer/recipe.ts'
import type { Losses } from '../src/nn/index.ts'
import { adamw } from '../src/optim/index.ts'
import { autocast, manualSeed, memory, ops, type Precision, scope } from '../src/torch/index.ts'
import { trainingStep } from './step-race.ts'

/** One measurement: images a second (median of the steps), the process's peak resident bytes, and what leaked. */
export interface Measurement {
  readonly rate: number
  readonly peak: number
  /** Live tensors and resident bytes after a third of the steps and after the last. */
  readonly live: readonly [number, number]
  readonly resident: readonly [number, number]
  readonly steps: number
}

const CLASSES = 20

const SIZE = { width: 'deit-s', imageSize: 224, patchSize: 16, dropPath: 0.1 } as const
const FUSION = {
  kind: 'aaf',
  generation: 'v3',
  pool: 'max',
  reduction: 8,
  featReduction: 8,
  lrScale: 1,
} as const

function buildMethod(name: string): Method {
  manualSeed(0)
  const numClasses = CLASSES
  if (name === 'mctformer')
    return buildMctformer({ model: { ...SIZE, variant: 'v2', decay: 0.996, unet: null }, numClasses })
  // its cross loss counts from the first steps, as in the reference
  if (name === 'cti') return buildCti({ model: SIZE, numClasses, cross: { tokens: 'images', length: 30 } })
  if (name === 'semformer') return semformer()
  return buildWeaktr({ model: { ...SIZE, fusion: FUSION }, numClasses })
}

/** At 224 pixels, guided by an autoencoder on a DeiT-S at 112. */
function semformer(): Method {
  const model = semformerModelRecipe.parse({ width: 'deit-s', imageSize: 224 })
  const settings = autoencoderRecipe.parse({ width: 'deit-s', imageSize: 112, decoder: { width: 384 } })
  const autoencoder = buildAutoencoder(settings, { numClasses: CLASSES, classDim: model.classDim })
  autoencoder.network.eval()
  return buildSemformer({ model, numClasses: CLASSES, autoencoder })
}

const IMAGE = { x: 0, y: 0, width: SIZE.imageSize, height: SIZE.imageSize }

function trainStep(
  method: Method,
  { batch, precision, device }: { batch: number; precision: Precision; device: string },
): () => void {
  for (const network of [method.network, ...(method.frozen ?? [])]) network.to(device)
  const optimiser = adamw(method.parameterGroups({ weightDecay: 0.05, decays: 'weights' }))
  const draw = () => ops.randn([batch, 3, 224, 224], { device })
  const [images, view] = [draw(), draw()]
  const targets = ops.toDtype(ops.ltScalar(ops.rand([batch, CLASSES], { device }), 0.1), 'float32')
  const boxes = Array.from({ length: batch }, () => IMAGE)
  const losses = (): Losses => method.losses({ images, views: [view], boxes, targets }, { epoch: 0, step: 0 })
  return trainingStep(() => autocast({ precision, device }, losses), { optimiser, lr: 1e-4 })
}

function mapsStep(
  method: Method,
  { precision, device }: { precision: Precision; device: string },
): () => void {
  method.network.to(device)
  method.network.eval()
  const image = ops.randn([1, 3, 375, 500], { device })
  const classes = Array.from({ length: CLASSES }, (_, k) => k)
  return () =>
    scope(
      () =>
        void autocast({ precision, device }, () => method.imageCams([{ views: [image], classes }])[0]!)
          .select(0, 0)
          .mean()
          .item(),
    )
}

function peakResident(): number {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
}

function measure(
  step: () => void,
  images: number,
  { seconds, steps }: { seconds: number; steps: number },
): Measurement {
  for (let i = 0; i < 2; i++) step()
  const times: number[] = []
  const end = Date.now() + seconds * 1000
  let early: { live: number; resident: number } | undefined
  while (times.length < Math.max(3, steps) || (steps === 0 && Date.now() < end)) {
    const start = process.hrtime.bigint()
    step()
    times.push(Number(process.hrtime.bigint() - start) / 1e9)
    if (times.length === Math.max(1, Math.floor(steps / 3)))
      early = { live: memory().live, resident: process.memoryUsage().rss }
  }
  const count = times.length
  const median = times.sort((a, b) => a - b)[Math.floor(count / 2)]!
  return {
    rate: images / median,
    peak: peakResident(),
    live: [early!.live, memory().live],
    resident: [early!.resident, process.memoryUsage().rss],
    steps: count,
  }
}

const { values } = parseArgs({
  options: {
    method: { type: 'string', default: 'mctformer' },
    task: { type: 'string', default: 'train' },
    precision: { type: 'string', default: 'fp32' },
    seconds: { type: 'string', default: '20' },
    steps: { type: 'string', default: '0' },
    batch: { type: 'string', default: '16' },
    device: { type: 'string', default: 'cpu' },
  },
})
const precision: Precision = values.precision === 'bf16' ? 'bf16' : 'fp32'
const batch = Number(values.batch)
const method = buildMethod(values.method)
const options = { batch, precision, device: values.device }
const step = values.task === 'maps' ? mapsStep(method, options) : trainStep(method, options)
const result = measure(step, values.task === 'maps' ? 1 : batch, {
  seconds: Number(values.seconds),
  steps: Number(values.steps),
})
process.stdout.write(`${JSON.stringify(result)}\n`)
