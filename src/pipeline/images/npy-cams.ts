/**
 * @file ID.npy: the CAMs of an image as scripts of weak supervision keep them, a dictionary {class from 0: [H, W]} (PSA), or IRN's
 * {'keys': [K], 'high_res': [K, H, W]}. Nothing in the file is run.
 */
import { InputError } from '../../errors.ts'
import type { Cams } from '../../evaluate/index.ts'
import { readNpyDictionary } from '../../io/npy.ts'
import { elementCount, type TensorData, toFloat32Array } from '../../io/tensor-data.ts'

type Dictionary = ReadonlyMap<string, TensorData>

/** Throws InputError when the file is no such dictionary, or its maps differ in size. */
export async function readNpyCams(path: string): Promise<Cams> {
  const dictionary = await readNpyDictionary(path)
  const keys = dictionary.get('keys')
  const planes = keys === undefined ? psaPlanes(path, dictionary) : irnPlanes(path, keys, dictionary)
  const [first] = planes
  if (first === undefined) throw noCams(path, 'holds a dictionary without classes')
  const [, { shape }] = first
  const [height = 0, width = 0] = shape
  const maps = new Map<number, Float32Array>()
  for (const [k, plane] of planes) {
    if (plane.shape.join() !== shape.join())
      throw noCams(path, `holds maps of several sizes, [${shape.join(', ')}] and [${plane.shape.join(', ')}]`)
    if (maps.has(k)) throw noCams(path, `has two maps of class ${k}`)
    maps.set(k, toFloat32Array(plane))
  }
  return { width, height, maps }
}

type Plane = readonly [k: number, plane: TensorData]

function psaPlanes(path: string, dictionary: Dictionary): Plane[] {
  return [...dictionary].map(([key, plane]) => {
    if (!/^\d{1,9}$/.test(key)) throw noCams(path, `has the key ${JSON.stringify(key.slice(0, 40))}`)
    if (plane.shape.length !== 2 || elementCount(plane.shape) === 0)
      throw noCams(path, `holds [${plane.shape.join(', ')}] for class ${key}`)
    return [Number(key), plane]
  })
}

function irnPlanes(path: string, keys: TensorData, dictionary: Dictionary): Plane[] {
  const stack = dictionary.get('high_res') ?? dictionary.get('cam')
  const classes = [...toFloat32Array(keys)]
  const [count, height = 0, width = 0] = stack?.shape ?? []
  if (stack === undefined || stack.shape.length !== 3 || elementCount(stack.shape) === 0)
    throw noCams(path, 'holds keys without high_res [K, H, W]')
  if (count !== classes.length || !classes.every(k => Number.isInteger(k) && k >= 0))
    throw noCams(path, `holds ${count} maps and ${classes.length} keys`)
  const bytes = stack.data.byteLength / classes.length
  return classes.map((k, i) => [
    k,
    { dtype: stack.dtype, shape: [height, width], data: stack.data.subarray(i * bytes, (i + 1) * bytes) },
  ])
}

function noCams(path: string, problem: string): InputError {
  return new InputError(path, problem, {
    expected: "a dictionary {class from 0: scores [H, W]} saved by np.save, or IRN's {'keys', 'high_res'}",
  })
}
