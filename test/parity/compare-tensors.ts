/** @file Our tensors against the golden ones of a file, by name. */
import { type TensorData, toFloat64Array } from '../../src/io/tensor-data.ts'
import { noGrad, ops, type Tensor } from '../../src/torch/index.ts'
import { type Comparison, compareFloat, mismatch } from './comparison.ts'
import type { Fixture } from './fixture.ts'

/** Relative errors that count as equal: of outputs, and of gradients. */
export const TOLERANCE = { output: 1e-4, gradient: 1e-3 } as const

/** Compares every output that the file expects; other outputs are ignored. */
export function compareOutputs(
  { tensors }: Fixture,
  outputs: ReadonlyMap<string, Tensor>,
  { tolerance = TOLERANCE.output }: { tolerance?: number } = {},
): Comparison[] {
  return [...outputs].flatMap(([name, got]) => {
    const want = tensors.get(name)
    return want === undefined ? [] : [compareTensor(name, got, want, { tolerance })]
  })
}

/** Shape and values of one tensor; `without` leaves elements [from, to) out. */
export function compareTensor(
  name: string,
  got: Tensor,
  want: TensorData,
  { tolerance = TOLERANCE.output, without }: { tolerance?: number; without?: readonly [number, number] } = {},
): Comparison {
  if (got.shape.join() !== want.shape.join())
    return mismatch(name, `shape [${got.shape}] for [${want.shape}]`)
  const values = (array: Float64Array): Float64Array =>
    without === undefined ? array : array.filter((_, i) => i < without[0] || i >= without[1])
  const comparison = compareFloat(
    name,
    values(toFloat64Array(got.toData())),
    values(toFloat64Array(want)),
    tolerance,
  )
  return without === undefined ? comparison : { ...comparison, note: `without [${without.join(', ')})` }
}

/**
 * Key biases have no true gradient (softmax ignores them): the stored one is rounding noise, which AdamW
 * turns into steps. Entries [D, 2D) of `attn.qkv.bias`, and only they, are not compared.
 */
export function keyBias(parameter: string, { shape }: TensorData): { without?: readonly [number, number] } {
  if (!parameter.endsWith('attn.qkv.bias')) return {}
  const width = shape[0]! / 3
  return { without: [width, 2 * width] }
}

/** Every n-th value of a tensor that is too large to be compared as a whole, counted in C order. */
export function everyNth(tensor: Tensor, n: number): Float32Array {
  return noGrad(() => ops.slice(tensor.detach().reshape(-1), { step: n }).toFloat32Array())
}
