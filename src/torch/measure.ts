/** @file Speed of matrix products on this machine, in the shape of a DeiT-S block. */
import { ops, scope } from './index.ts'
import { native } from './native.ts'

export interface Speed {
  readonly version: string
  readonly threads: number
  /** GFLOP/s. */
  readonly fp32: number
  readonly bf16: number
}

const SHAPE = { rows: 3456, inner: 384, columns: 1536 }

/** Products of that shape in each precision on the CPU; takes about half a second. */
export function measureProducts({ repeats = 12 }: { repeats?: number } = {}): Speed {
  return {
    version: native.describe().version,
    threads: native.threads(),
    fp32: productSpeed('float32', { repeats }),
    bf16: productSpeed('bfloat16', { repeats }),
  }
}

/** GFLOP/s of a product [3456, 384] x [384, 1536], the best of `repeats`. */
export function productSpeed(
  dtype: 'float32' | 'bfloat16',
  { repeats = 12, device = 'cpu' }: { repeats?: number; device?: string } = {},
): number {
  const { rows, inner, columns } = SHAPE
  return scope(() => {
    const a = ops.toDtype(ops.randn([rows, inner], { device }), dtype)
    const b = ops.toDtype(ops.randn([inner, columns], { device }), dtype)
    const seconds = Array.from({ length: repeats }, () => {
      const start = process.hrtime.bigint()
      const product = ops.mm(a, b)
      if (device !== 'cpu') product.select(0, 0).select(0, 0).item() // waits for it
      product.dispose()
      return Number(process.hrtime.bigint() - start) / 1e9
    })
    return (2 * rows * inner * columns) / Math.min(...seconds) / 1e9
  })
}

// Run as a program by `doctor`, once for each libtorch, because one process loads one.
if (process.argv.includes('--measure-products')) process.stdout.write(JSON.stringify(measureProducts()))
