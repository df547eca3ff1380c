/** @file CAMs made at a working size brought to the size of the image itself. */
import { elementCount, itemSize, type TensorData } from '../../io/tensor-data.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

/** Maps [K, h, w] as [K, height, width] in the number format, spread bilinearly one after the other where the sizes differ. */
export function fullSizeMaps(
  maps: Tensor,
  { width, height }: { readonly width: number; readonly height: number },
  dtype: 'float16' | 'float32',
): TensorData {
  const [count, h, w] = maps.shape as [number, number, number]
  if (h === height && w === width) return scope(() => ops.toDtype(maps, dtype).toData())
  const shape = [count, height, width]
  const data = new Uint8Array(elementCount(shape) * itemSize(dtype))
  for (let k = 0; k < count; k++) {
    scope(() => {
      const plane = ops.upsampleBilinear2d(maps.narrow(0, k, 1).unsqueeze(0), [height, width], false)
      data.set(ops.toDtype(plane, dtype).toData().data, (k * data.length) / count)
    })
  }
  return { dtype, shape, data }
}
