/** @file Conversion of JavaScript values to the arguments of operators, and of their results. */
import { expect, test } from 'vitest'
import { TorchError } from '../errors.ts'
import { emptyCache, isOutOfMemory, memory, ops, scope, Tensor, tensor } from './index.ts'
import { type Handle, native } from './native.ts'

const any = (value: unknown): never => value as never

const raw = (name: string, overload: string, args: readonly unknown[]): unknown =>
  native.invoke(native.findOp(name, overload)!, args)

test('numbers make float32 where no tensor and no dtype says otherwise, and never change the type of a tensor', () => {
  scope(() => {
    expect(ops.full([2], 3).dtype).toBe('float32')
    expect(ops.full([2], 3).toFloat32Array()).toEqual(Float32Array.of(3, 3))
    expect(ops.full([2], 0.5).dtype).toBe('float32')
    expect(ops.full([2], 3, { dtype: 'int64' }).dtype).toBe('int64')
    expect(ops.full([2], 3, { dtype: 'bool' }).dtype).toBe('bool')
    expect(ops.full([2], any(3n)).dtype).toBe('int64')
    expect(ops.arange(0, 4).dtype).toBe('float32')
    expect([...ops.arange(1, 9, { step: 3, dtype: 'int64' }).toFloat32Array()]).toEqual([1, 4, 7])
    const large = ops.full([1], 2 ** 53 - 1, { dtype: 'int64' })
    expect(new BigInt64Array(large.toData().data.slice().buffer)[0]).toBe(2n ** 53n - 1n)
    const counts = ops.full([2], 3, { dtype: 'int64' })
    const values = tensor([1, 2])
    for (const scaled of [
      counts.add(2),
      counts.mul(2),
      ops.clamp(counts, { max: 2 }),
      ops.fullLike(counts, 7),
    ])
      expect(scaled.dtype).toBe('int64')
    for (const scaled of [
      values.add(2),
      values.mul(2),
      values.div(2),
      ops.pow(values, 2),
      ops.fullLike(values, 7),
    ])
      expect(scaled.dtype).toBe('float32')
    expect(counts.add(0.5).dtype).toBe('float32')
    expect(ops.add(values, counts).dtype).toBe('float32')
  })
})

test('a BigInt that does not fit 64 bits is refused, not cut', () => {
  scope(() => {
    const x = ops.full([1], 1, { dtype: 'int64' })
    expect([...ops.addScalar(x, any(2n ** 62n)).toFloat32Array()]).toEqual([2 ** 62])
    for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n + 1n]) {
      expect(() => ops.addScalar(x, any(value))).toThrow(TorchError)
      expect(() => ops.addScalar(x, any(value))).toThrow(
        `argument 'other' should be Scalar, got the BigInt ${value}, which does not fit 64 bits`,
      )
      expect(() => ops.narrow(x, 0, 0, any(value))).toThrow(/which does not fit 64 bits/)
    }
  })
})

test('a list of booleans takes booleans only', () => {
  scope(() => {
    const [x, w] = [ops.rand([1, 1, 4, 4]), ops.rand([1, 1, 3, 3])]
    const gradient = ops.conv2d(x, w)
    const derived = (mask: readonly unknown[]): unknown =>
      ops.convolutionBackward(gradient, x, w, undefined, [1, 1], [0, 0], [1, 1], false, [0, 0], 1, any(mask))
    derived([true, true, false])
    for (const [entry, kind] of [
      [0, 'the number 0'],
      ['', "the string ''"],
      [undefined, 'undefined'],
      [{}, 'an object'],
    ])
      expect(() => derived([true, entry, false])).toThrow(
        `argument 'output_mask' should be bool[], got ${kind}`,
      )
  })
})

test('one number serves for every place of int[2], however libtorch calls the type', () => {
  scope(() => {
    const x = ops.rand([1, 1, 6, 6])
    const shaped = (handle: unknown): readonly number[] => new Tensor(handle as Handle).shape
    expect(shaped(raw('aten::upsample_nearest2d', '', [x.handle, 3]))).toEqual([1, 1, 3, 3])
    expect(shaped(raw('aten::adaptive_avg_pool2d', '', [x.handle, 2]))).toEqual([1, 1, 2, 2])
    expect(shaped(raw('aten::max_pool2d', '', [x.handle, 3n]))).toEqual([1, 1, 2, 2])
    expect(shaped(raw('aten::sum', 'dim_IntList', [x.handle, 3]))).toEqual([1, 1, 6])
    expect(() => ops.permute(x, any(1))).toThrow(/argument 'dims' should be int\[\], got the number 1/)
  })
})

test('a result that cannot be given back rejects the promise', async () => {
  const [re, im] = [tensor([1]), tensor([2])]
  const complex = new Tensor(raw('aten::complex', '', [re.handle, im.handle]) as Handle)
  const id = native.findOp('aten::_local_scalar_dense', '')!
  await expect(native.invokeAsync(id, [complex.handle])).rejects.toThrow(Error)
  expect(() => native.invoke(id, [complex.handle])).toThrow(Error)
  for (const each of [re, im, complex]) each.dispose()
})

test('an element type that does not exist is refused by name', () => {
  expect(() => ops.zeros([1], { dtype: any('float') })).toThrow(TorchError)
  expect(() => ops.zeros([1], { dtype: any('toString') })).toThrow(
    "dtype: no element type 'toString'; there are uint8, int8, int16, int32, int64, float16, float32, float64, bool, bfloat16",
  )
})

test('what does not fit into memory is a TorchError with the name of the operator, and nothing is lost by it', () => {
  scope(() => {
    const { used, limit } = memory()
    expect(limit).toBeGreaterThan(2 ** 28)
    const side = Math.ceil(Math.sqrt(limit / 4))
    const wide = ops.rand([1]).expand(side, side)
    const caught = (body: () => unknown): unknown => {
      try {
        body()
      } catch (error) {
        return error
      }
      return undefined
    }
    for (const [op, body] of [
      ['aten::empty.memory_format', () => ops.empty([side, side])],
      ['aten::clone', () => ops.contiguous(wide.add(0))],
      ['bytes', () => wide.toFloat32Array()],
    ] as const) {
      const error = caught(body)
      expect(error).toBeInstanceOf(TorchError)
      expect(isOutOfMemory(error)).toBe(true)
      expect((error as TorchError).op).toBe(op === 'aten::clone' ? 'aten::add.Scalar' : op)
      expect((error as TorchError).message).toMatch(
        /out of memory: \d+ bytes asked for, \d+ in use, \d+ in this machine/,
      )
    }
    expect(memory().used - used).toBeLessThan(2 ** 20)
    expect(isOutOfMemory(caught(() => ops.mm(tensor([1]), tensor([1]))))).toBe(false)
    emptyCache()
    expect(ops.ones([3]).sum().item()).toBe(3)
  })
})
