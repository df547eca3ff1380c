/** @file Floors of work: matrix products at the speed that `tagmask doctor` measures, and memory at the speed of a copy. */
import { ops, type Precision, scope, threads } from '../src/torch/index.ts'
import { productSpeed } from '../src/torch/measure.ts'
import type { Floor } from './row.ts'

/** The time of so many multiply-adds in the machine's fastest products, measured as the doctor does. */
export function productsFloor(
  multiplyAdds: number,
  { precision, device }: { precision: Precision; device: string },
): Floor {
  const dtype = precision === 'bf16' ? 'bfloat16' : 'float32'
  return { name: 'products', seconds: () => (2 * multiplyAdds) / 1e9 / productSpeed(dtype, { device }) }
}

/** The time of so many bytes, read and written, at the bandwidth of a copy. */
export function memoryFloor(bytes: number): Floor {
  return { name: 'memory', seconds: () => bytes / copyBandwidth() }
}

const COPIED = 64 * 2 ** 20 // bytes, more than caches hold

/** Bytes a second, read and written, of a copy on all threads; best of a few. */
export function copyBandwidth({ repeats = 5 }: { repeats?: number } = {}): number {
  return scope(() => {
    const from = ops.zeros([threads(), COPIED / 4])
    const to = ops.zeros([threads(), COPIED / 4])
    const seconds = Array.from({ length: repeats }, () => {
      const begin = process.hrtime.bigint()
      ops.copy_(to, from)
      return Number(process.hrtime.bigint() - begin) / 1e9
    })
    return (2 * threads() * COPIED) / Math.min(...seconds)
  })
}
