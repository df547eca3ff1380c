/** @file Multiply-adds of a network, counted from the shapes of each operator at the dispatcher's entry. */
import { elementCount } from '../io/tensor-data.ts'
import { isRecording } from './autograd.ts'
import { type Handle, native } from './native.ts'
import { watchCalls } from './operator.ts'
import type { Tensor } from './tensor.ts'

export interface MultiplyAdds {
  readonly total: number
  /** By the operator's name, the largest first. */
  readonly byOperator: ReadonlyMap<string, number>
}

/** The arguments, and the number of elements of the result. */
type Count = (args: readonly unknown[], elements: () => number) => number

const product = (a: unknown, b: unknown): number => (a as Tensor).elements * (b as Tensor).size(-1)
const attention = (queries: unknown, keys: unknown): number =>
  (queries as Tensor).elements * (keys as Tensor).size(1)
const convolution = (weight: unknown, outputs: number): number => {
  const { elements, shape } = weight as Tensor
  return (outputs * elements) / shape[0]!
}

/** Matrix products and convolutions; what works on each element, normalises, pools or resizes counts as nothing, as usual. */
const COUNTS: ReadonlyMap<string, Count> = new Map<string, Count>([
  ['aten::linear', ([x, weight]) => (x as Tensor).elements * (weight as Tensor).size(0)],
  ['aten::matmul', ([a], elements) => elements() * (a as Tensor).size(-1)],
  ['aten::mm', ([a, b]) => product(a, b)],
  ['aten::bmm', ([a, b]) => product(a, b)],
  ['aten::addmm', ([, a, b]) => product(a, b)],
  ['aten::baddbmm', ([, a, b]) => product(a, b)],
  ['tagmask::attention', ([q, k]) => 2 * attention(q, k)],
  ['tagmask::attention_backward', ([, , q, k]) => 4 * attention(q, k)], // the weights' second time is no work of the network
  ['aten::mv', ([matrix]) => (matrix as Tensor).elements],
  ['aten::addmv', ([, matrix]) => (matrix as Tensor).elements],
  ['aten::dot', ([a]) => (a as Tensor).elements],
  ['aten::outer', (_, elements) => elements()],
  ['aten::addr', (_, elements) => elements()],
  ['aten::conv2d', ([, weight], elements) => convolution(weight, elements())],
  [
    'aten::convolution_backward',
    ([gradient, , weight, ...rest]) => {
      const wanted = (rest.at(-1) as readonly boolean[]).slice(0, 2).filter(Boolean).length
      return wanted * convolution(weight, (gradient as Tensor).elements)
    },
  ],
])

/** How many of the two factors have a gradient; what is added to a product comes before them. */
function gradients(name: string, args: readonly unknown[]): number {
  const first = /^aten::(add|badd)/.test(name) ? 1 : 0
  return args.slice(first, first + 2).filter(factor => (factor as Tensor).requiresGrad === true).length
}

/**
 * Runs `body` and counts. Operators that TypeScript calls are seen: all of a forward pass, and of backward what the derivatives
 * by hand call; with `derivatives` also those that autograd's own backward of what is recorded here takes, a product for each
 * factor with a gradient. An `async` body is counted to its first await.
 */
export function countMultiplyAdds<T>(
  body: () => T,
  { derivatives = false }: { derivatives?: boolean } = {},
): { readonly result: T } & MultiplyAdds {
  const counts = new Map<string, number>()
  const result = watchCalls((op, args, made) => {
    const count = COUNTS.get(op.name)?.(args, () => elementCount(native.shape(made as Handle)))
    if (count === undefined) return
    const times = derivatives && isRecording() ? 1 + gradients(op.name, args) : 1
    counts.set(op.name, (counts.get(op.name) ?? 0) + times * count)
  }, body)
  const byOperator = new Map([...counts].sort(([, a], [, b]) => b - a))
  return { result, total: [...counts.values()].reduce((sum, count) => sum + count, 0), byOperator }
}
