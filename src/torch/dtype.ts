/** @file Element types, numbered as c10::ScalarType. */
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

const DTYPES = new Map(Object.entries(SCALAR_TYPE).map(([name, code]) => [code, name as DType]))

/** libtorch's number of a dtype; undefined stays undefined. */
export function scalarType<T extends DType | undefined>(
  dtype: T,
): T extends undefined ? number | undefined : number {
  return (dtype === undefined ? undefined : SCALAR_TYPE[dtype]) as T extends undefined
    ? number | undefined
    : number
}

export function dtypeOf(scalarType: number): DType {
  const dtype = DTYPES.get(scalarType)
  if (dtype === undefined) throw new RangeError(`libtorch's scalar type ${scalarType} has no TypeScript name`)
  return dtype
}
