/** @file Golden numbers of the transforms: every tensor and setting of a `*_transforms` fixture of MCTformer. */
import { z } from 'zod'
import { randomCropBox } from '../../../src/data/transforms/crop.ts'
import { centreCrop, resizeShorterSide, shorterSide } from '../../../src/data/transforms/eval.ts'
import { meanColour, normalise } from '../../../src/data/transforms/normalise.ts'
import {
  OPERATIONS,
  type OperationName,
  operationArgument,
} from '../../../src/data/transforms/rand-augment.ts'
import { resize } from '../../../src/data/transforms/resize.ts'
import { scaledSize, scaleViews } from '../../../src/data/transforms/views.ts'
import type { RgbImage } from '../../../src/io/image.ts'
import type { SafetensorsFile } from '../../../src/io/safetensors.ts'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'

const TOLERANCE = 1e-6 // normalised pixels; bytes and sizes must be exact

const colour = z.tuple([z.number(), z.number(), z.number()])

const Config = z.object({
  input_size: z.number(),
  unit: z.number(),
  scales: z.array(z.number()),
  mean: colour,
  std: colour,
  val_resize: z.number(),
  train_pipeline: z.array(z.string()),
  crop_boxes_ijhw: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])),
  get_params_draws: z.array(
    z.object({
      box_ijhw: z.array(z.number()),
      draws: z.array(z.tuple([z.enum(['uniform', 'randint']), z.number(), z.number(), z.number()])),
    }),
  ),
  randaugment: z.object({ fill: colour, ops: z.record(z.string(), z.number().nullable()) }),
})
type Config = z.infer<typeof Config>

/** The order that `trainSample` applies. */
const PIPELINE = [
  'RandomResizedCropAndInterpolation',
  'RandomHorizontalFlip',
  'RandAugment',
  'ToTensor',
  'Normalize',
  'RandomErasing',
]

/** Runs the transforms on the inputs of the fixture; one comparison a tensor, and one a setting we derive. */
export function checkTransforms({ tensors, metadata }: SafetensorsFile): Comparison[] {
  const config = Config.parse(JSON.parse(metadata.config ?? '{}'))
  const image = imageOf(tensors, 'in.image_rgb')
  const small = imageOf(tensors, 'in.aug_rgb')
  const outputs = [...tensors].filter(([name]) => !name.startsWith('in.') && !name.startsWith('aug.'))
  return [
    ...outputs.map(([name, want]) => checkOutput(name, want, image, config)),
    ...[...tensors]
      .filter(([name]) => name.startsWith('aug.'))
      .map(([name, want]) => checkOperation(name, want, small, config)),
    ...checkSettings(image, config),
  ]
}

function checkOutput(name: string, want: TensorData, image: RgbImage, config: Config): Comparison {
  const { input_size: side, unit, mean, std } = config
  if (name === 'eval.normalised') return floats(name, normalise(image, { mean, std }), want)
  if (name === 'eval.val') {
    const square = centreCrop(resizeShorterSide(image, config.val_resize), side)
    return floats(name, normalise(square, { mean, std }), want)
  }
  if (name === 'ms.sizes') return checkSizes(name, want, config)
  const [kind, number] = splitNumber(name)
  if (kind === 'ms.image') {
    const { scale, flipped } = viewOf(number, want, image, config)
    const [view] = scaleViews(image, { scales: [scale], unit, normalisation: { mean, std } })
    return floats(name, flipped ? mirrored(view!.data, view!.width) : view!.data, want)
  }
  const box = kind === 'crop' ? config.crop_boxes_ijhw[number] : undefined
  if (box === undefined) throw new Error(`${name}: a tensor this kind does not know`)
  const [y, x, height, width] = box
  const cropped = resize(image, { width: side, height: side, box: { x, y, width, height } })
  return compareExact(name, cropped.data, want.data)
}

/** aug.OPERATION.MAGNITUDE.SIGN */
function checkOperation(name: string, want: TensorData, image: RgbImage, config: Config): Comparison {
  const { operation, magnitude, sign } = parseOperation(name.slice('aug.'.length))
  const argument = operationArgument(operation, magnitude, sign)
  const got = OPERATIONS[operation].apply(image, argument, config.randaugment.fill)
  return compareExact(name, got.data, want.data)
}

function checkSettings(image: RgbImage, config: Config): Comparison[] {
  const { randaugment, input_size: side, mean, train_pipeline: pipeline } = config
  const same = pipeline.length === PIPELINE.length && pipeline.every((step, i) => step === PIPELINE[i])
  return [
    compareExact('config.val_resize', [shorterSide(side)], [config.val_resize]),
    compareExact('config.train_pipeline', [same ? 1 : 0], [1]),
    compareExact('config.randaugment.fill', meanColour(mean), randaugment.fill),
    ...config.get_params_draws.map((draw, i) => checkDraws(`config.get_params_draws.${i}`, draw, image)),
    ...Object.entries(randaugment.ops).flatMap(([key, want]) => {
      if (want === null) return []
      const { operation, magnitude, sign } = parseOperation(key)
      return [
        compareExact(
          `config.randaugment.ops.${key}`,
          [operationArgument(operation, magnitude, sign)],
          [want],
        ),
      ]
    }),
  ]
}

/** Replays the numbers the reference drew; their ranges count as outputs of ours, as does the box. */
function checkDraws(
  name: string,
  { draws, box_ijhw: want }: Config['get_params_draws'][number],
  image: RgbImage,
) {
  const asked: number[] = []
  const next = (kind: string) => (low: number, high: number) => {
    const [drawn, , , value] = draws[asked.length / 2] ?? ['nothing', 0, 0, Number.NaN]
    asked.push(low, high)
    return drawn === kind ? value : Number.NaN
  }
  const box = randomCropBox(image, { uniform: next('uniform'), integer: next('randint') })
  const ranges = draws.flatMap(([, low, high]) => [low, high])
  return compareFloat(name, [box.y, box.x, box.height, box.width, ...asked], [...want, ...ranges], 1e-15)
}

function checkSizes(name: string, want: TensorData, { scales, unit }: Config): Comparison {
  const values = Array.from(new BigInt64Array(aligned(want.data)), Number)
  const perCase = (1 + scales.length) * 2
  const got = Array.from({ length: values.length / perCase }, (_, i) => {
    const width = values[i * perCase]!
    const height = values[i * perCase + 1]!
    const sizes = scales.map(scale => scaledSize({ width, height }, scale, { unit }))
    return [width, height, ...sizes.flatMap(size => [size.width, size.height])]
  })
  return compareExact(name, got.flat(), values)
}

/** View 2k is one scale, 2k + 1 its flip; which scale shows in its size. */
function viewOf(number: number, { shape }: TensorData, image: RgbImage, { scales, unit }: Config) {
  const scale = scales.find(candidate => {
    const { width, height } = scaledSize(image, candidate, { unit })
    return height === shape[1] && width === shape[2]
  })
  if (scale === undefined) throw new Error(`ms.image.${number}: no scale of the configuration gives its size`)
  return { scale, flipped: number % 2 === 1 }
}

function parseOperation(key: string): { operation: OperationName; magnitude: number; sign: 1 | -1 } {
  const [, operation, magnitude, sign] = /^(\w+)\.(\d+(?:\.\d+)?)\.(pos|neg)$/.exec(key) ?? []
  if (operation === undefined || !Object.hasOwn(OPERATIONS, operation))
    throw new Error(`aug.${key}: an operation this kind does not know`)
  return {
    operation: operation as OperationName,
    magnitude: Number(magnitude),
    sign: sign === 'neg' ? -1 : 1,
  }
}

function splitNumber(name: string): [string, number] {
  const dot = name.lastIndexOf('.')
  return [name.slice(0, dot), Number(name.slice(dot + 1))]
}

function imageOf(tensors: ReadonlyMap<string, TensorData>, name: string): RgbImage {
  const tensor = tensors.get(name)
  const [height, width] = tensor?.shape ?? []
  if (tensor === undefined || height === undefined || width === undefined)
    throw new Error(`${name}: missing from the fixture`)
  return { width, height, data: tensor.data }
}

function mirrored(data: Float32Array, width: number): Float32Array {
  return data.map((_, i) => data[i - (i % width) + width - 1 - (i % width)]!)
}

function floats(name: string, got: Float32Array, { data }: TensorData): Comparison {
  return compareFloat(name, got, new Float32Array(aligned(data)), TOLERANCE)
}

function aligned(data: Uint8Array): ArrayBuffer {
  return new Uint8Array(data).buffer
}
