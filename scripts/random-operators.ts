/**
 * @file Calls every operator with random arguments, wrong ones among them: each call ends in a result or a TorchError.
 * Run: node dist/scripts/random-operators.js CALLS SEED FIRST. Prints the calls that worked; an odd exception ends it with 1.
 */
import { readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { TorchError } from '../src/errors.ts'
import { packageRoot } from '../src/io/package-root.ts'
import { backward, type DType, memory, ops, scope, Tensor } from '../src/torch/index.ts'
import { type Argument, camel, type Signature, signatureOf } from './generate-ops.ts'

const DTYPES: readonly DType[] = [
  'float32',
  'float32',
  'float32',
  'float64',
  'bfloat16',
  'float16',
  'int64',
  'int32',
  'uint8',
  'bool',
]
const EXTENTS = [0, 1, 1, 2, 2, 3, 3, 4, 5, 8]
// small ones, or so large that no machine has them: nothing in between, which would only take long
const INTEGERS = [0, 0, 1, 1, 1, 2, 2, 3, 4, -1, -1, -2, -3, 7, 16, -100, 2 ** 40, -(2 ** 40), 2 ** 53 - 1]
const REALS = [
  0,
  1,
  -1,
  0.5,
  2,
  1e-5,
  -3.5,
  1e30,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 53,
]
const TEXTS = ['none', 'tanh', '', 'bilinear', 'a\0b', '🙂']
const DEVICES = ['cpu', 'cpu', 'cpu', 'cuda', 'cuda:99', 'bogus', '']

/** Seeded choices. */
interface Dice {
  below(n: number): number
  of<T>(list: readonly T[]): T
  chance(share: number): boolean
}

function dice(seed: number): Dice {
  const random = xoroshiro128plus(seed)
  const below = (n: number): number => (random.next() >>> 0) % n
  return { below, of: list => list[below(list.length)]!, chance: share => below(1000) < share * 1000 }
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)

/** A tensor of few elements: whole, a view, empty, with NaN, recorded, or disposed. */
function randomTensor(roll: Dice, shape: readonly number[]): Tensor {
  const dtype = roll.of(DTYPES)
  const values = ops.mulScalar(ops.rand(shape), roll.of([1, 1, 5, 300, Number.NaN, Number.POSITIVE_INFINITY]))
  let made = ops.toDtype(values, dtype)
  if (shape.length > 1 && roll.chance(0.2)) made = made.transpose(0, -1)
  if (shape.length > 0 && roll.chance(0.1)) made = made.unsqueeze(0).expand(2, ...made.shape)
  if (shape.length > 0 && made.size(0) > 1 && roll.chance(0.1)) made = made.narrow(0, 1, 1)
  if (roll.chance(0.1) && dtype === 'float32') {
    made = made.detach()
    made.requiresGrad = true
  }
  if (roll.chance(0.02)) made.dispose()
  return made
}

/** A value for an argument; one in twenty is of another type. */
function randomValue(roll: Dice, type: string, shape: readonly number[]): unknown {
  if (roll.chance(0.05)) return wrongValue(roll, shape)
  if (type.endsWith('?')) return roll.chance(0.4) ? undefined : randomValue(roll, type.slice(0, -1), shape)
  const list = /^(.*)\[(\d*)\]$/.exec(type)
  if (list !== null) {
    const length = list[2] !== '' && roll.chance(0.8) ? Number(list[2]) : roll.of([0, 1, 2, 2, 3, 4])
    return times(length, () => randomValue(roll, list[1]!, shape))
  }
  switch (type) {
    case 'Tensor':
      return randomTensor(roll, roll.chance(0.7) ? shape : randomShape(roll))
    case 'int':
    case 'SymInt':
      return roll.of(INTEGERS)
    case 'float':
      return roll.of(REALS)
    case 'Scalar':
      return roll.of(roll.chance(0.5) ? REALS : INTEGERS)
    case 'bool':
      return roll.chance(0.5)
    case 'str':
      return roll.of(TEXTS)
    case 'ScalarType':
      return roll.of(DTYPES)
    case 'Device':
      return roll.of(DEVICES)
    default:
      throw new Error(`no values for ${type}`)
  }
}

function wrongValue(roll: Dice, shape: readonly number[]): unknown {
  const wrong: readonly (() => unknown)[] = [
    () => undefined,
    () => null,
    () => 'text',
    () => roll.of(REALS),
    () => true,
    () => 2n ** 70n,
    () => -1n,
    () => ({}),
    () => Object.create(null),
    () => Symbol('s'),
    () => () => 1,
    () => [roll.of(REALS), 'x', null],
    () => [[1], [randomTensor(roll, shape)]],
    () => randomTensor(roll, shape),
    () => new Float32Array(3),
  ]
  return roll.of(wrong)()
}

const randomShape = (roll: Dice): number[] =>
  times(roll.of([0, 1, 1, 2, 2, 3, 3, 4, 4, 5]), () => roll.of(EXTENTS))

type AnyOperator = (...args: unknown[]) => unknown

/** One call; true where it gave a result. */
function call({ name, required, optional }: Signature, roll: Dice): boolean {
  return scope(() => {
    const shape = randomShape(roll)
    const value = (argument: Argument): unknown => randomValue(roll, argument.type, shape)
    const given = required.map(value)
    const chosen = optional
      .filter(() => roll.chance(0.5))
      .map(argument => [camel(argument.name), value(argument)])
    try {
      const result = (ops as unknown as Record<string, AnyOperator>)[name]!(
        ...given,
        Object.fromEntries(chosen),
      )
      const first = Array.isArray(result) ? result[0] : result
      if (first instanceof Tensor && !first.isDisposed) {
        if (roll.chance(0.2)) first.toFloat32Array()
        if (roll.chance(0.2) && first.requiresGrad) backward(first.sum())
      }
      return true
    } catch (error) {
      if (error instanceof TorchError) return false
      throw error
    }
  })
}

function main([calls = '3000', seed = '1', first = '0']: readonly string[]): void {
  const schemas = readFileSync(join(packageRoot(), 'src/torch/ops.schemas.txt'), 'utf8')
  const all = schemas
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(signatureOf)
  const before = memory().live
  let worked = 0
  for (let i = Number(first); i < Number(calls); i++) {
    const signature = all[i % all.length]!
    const own = Number(seed) * 1_000_003 + i
    // written before the call: after a crash it is the last line
    writeSync(2, `${i} ${signature.name} ${own}\n`)
    if (call(signature, dice(own))) worked++
  }
  console.log(JSON.stringify({ calls: Number(calls), worked, left: memory().live - before }))
}

main(process.argv.slice(2))
