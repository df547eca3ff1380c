/** @file Rows of training steps: losses, backward and optimiser of a method beside its authors' step, or plain PyTorch. */
import type { ClassBatch, Method } from '../../src/methods/index.ts'
import type { Optimiser } from '../../src/optim/index.ts'
import {
  autocast,
  backward,
  checkDevice,
  countMultiplyAdds,
  manualSeed,
  ops,
  scope,
  type Tensor,
  tensor,
} from '../../src/torch/index.ts'
import { productsFloor } from '../floors.ts'
import type { RepositoryName } from '../repositories.ts'
import type { Bar, Conditions, Row } from '../row.ts'
import { authorsPeer, plainPeer } from '../torch-peers.ts'

/** Sides of the images and images of a step. */
export interface StepSize {
  readonly side: number
  readonly batch: number
}

export interface TrainingSteps {
  readonly method: RepositoryName
  /** Of the row; default: the method. */
  readonly name?: string
  readonly title: string
  readonly size: StepSize
  readonly quick: StepSize
  readonly build: (size: StepSize) => {
    readonly method: Method
    /** Made once the network is on its device. */
    readonly optimiser: () => Optimiser
    readonly lr: number
    /** Further views of each image. */
    readonly views?: number
    /** Default: those of the method. */
    readonly losses?: (batch: ClassBatch) => ReturnType<Method['losses']>
  }
  /** Arguments of the authors' step, bench/peers/NAME.py. */
  readonly authors?: (size: StepSize) => readonly string[]
  /** Whether bench/peers/plain.py has it. */
  readonly plain?: true
  readonly bars?: readonly Bar[]
}

export const CLASSES = 20

/** Of issue 17, for each method. */
const STEP_BARS: readonly Bar[] = [
  { of: 'share', bound: 0.75, precision: 'fp32' },
  { of: 'share', bound: 0.65, precision: 'bf16' },
  { of: 'memory', bound: 0.5, authors: true },
]

/** Tags of each image of a batch, from 0: mostly one, some two. */
export function tagsOf(batch: number): readonly (readonly number[])[] {
  return Array.from({ length: batch }, (_, i) => {
    const first = (7 * i + 3) % CLASSES
    return i % 3 === 0 ? [first, (first + 4) % CLASSES] : [first]
  })
}

/** Tags as an argument of a peer: "3,7;12". */
export function tagList(batch: number): string {
  return tagsOf(batch).join(';')
}

export function trainingRow(steps: TrainingSteps): Row {
  return {
    name: `train/${steps.name ?? steps.method}`,
    title: steps.title,
    unit: 'images/s',
    byPrecision: true,
    bars: [...STEP_BARS, ...(steps.bars ?? [])],
    async prepare(conditions) {
      const { precision, device } = conditions
      const size = sizeOf(steps, conditions)
      const peer = await peerOf(steps, size, conditions)
      const step = ourStep(steps, size, conditions)
      const { total } = countMultiplyAdds(step, { derivatives: true })
      return {
        amount: size.batch,
        ours: step,
        memory: 'process',
        peer,
        floor: productsFloor(total, { precision, device }),
        ...('close' in peer ? { close: peer.close } : {}),
      }
    },
  }
}

function sizeOf(
  { size, quick: small }: TrainingSteps,
  { quick, batch }: Pick<Conditions, 'quick' | 'batch'>,
): StepSize {
  const own = quick ? small : size
  return batch === undefined ? own : { ...own, batch }
}

async function peerOf(steps: TrainingSteps, size: StepSize, conditions: Conditions) {
  const { method, name = method, authors, plain } = steps
  if (authors !== undefined && (conditions.clones[method] !== undefined || plain === undefined))
    return authorsPeer({ method, script: `${name}.py`, args: authors(size) }, conditions)
  const args = [
    '--method',
    method,
    '--task',
    'train',
    '--side',
    String(size.side),
    '--batch',
    String(size.batch),
  ]
  return plainPeer(plain === undefined ? undefined : args, conditions)
}

function ourStep(
  { build }: TrainingSteps,
  size: StepSize,
  { precision, device }: Pick<Conditions, 'precision' | 'device'>,
): () => void {
  checkDevice(device)
  manualSeed(1)
  const { method, optimiser: makeOptimiser, lr, views = 0, losses } = build(size)
  for (const network of [method.network, ...(method.frozen ?? [])]) network.to(device)
  const optimiser = makeOptimiser()
  const batch = taggedBatch(size, { views, device })
  const forward = losses ?? ((given: ClassBatch) => method.losses(given, { epoch: 0, step: 0 }))
  return () =>
    scope(() => {
      const { total } = autocast({ precision, device }, () => forward(batch))
      backward(total)
      optimiser.step(lr)
      optimiser.zeroGrad()
      total.item() // waits for a GPU
    })
}

function taggedBatch(
  { side, batch }: StepSize,
  { views, device }: { views: number; device: string },
): ClassBatch {
  const draw = (): Tensor => ops.randn([batch, 3, side, side], { device })
  const rows = tagsOf(batch).map(own => Array.from({ length: CLASSES }, (_, c) => (own.includes(c) ? 1 : 0)))
  return {
    images: draw(),
    views: Array.from({ length: views }, draw),
    targets: tensor(rows.flat()).reshape(batch, CLASSES).to({ device }),
    boxes: rows.map(() => ({ x: 0, y: 0, width: side, height: side })),
  }
}
