/** @file Element types, numbered as c10::ScalarType. */
import { TorchError } from '../errors.ts'
import type { DType } from '../io/tensor-data.ts'

export type { DType } from '../io/tensor-data.ts'

const SCALAR_TYPE: Readonly<Record<DType, number>> = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
}

const SCALAR_TYPE_OF: ReadonlyMap<unknown, number> = new Map(Object.entries(SCALAR_TYPE))

const DTYPES = new Map(Object.entries(SCALAR_TYPE).map(([name, code]) => [code, name as DType]))

/** libtorch's number of a dtype; undefined stays undefined. Throws TorchError for an unknown one. */
export function scalarType<T extends DType | undefined>(
  dtype: T,
): T extends undefined ? number | undefined : number {
  if (dtype !== undefined && dtype !== null && SCALAR_TYPE_OF.get(dtype) === undefined) {
    const found = typeof dtype === 'string' ? `'${dtype}'` : typeof dtype
    throw new TorchError(
      'dtype',
      `no element type ${found}; there are ${Object.keys(SCALAR_TYPE).join(', ')}`,
    )
  }
  return (dtype === undefined ? undefined : SCALAR_TYPE_OF.get(dtype)) as T extends undefined
    ? number | undefined
    : number
}

export function dtypeOf(scalarType: number): DType {
  const dtype = DTYPES.get(scalarType)
  if (dtype === undefined) throw new RangeError(`libtorch's scalar type ${scalarType} has no TypeScript name`)
  return dtype
}
