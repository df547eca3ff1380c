/** @file maps/ID.safetensors: the class maps of one picture. Tensor `cam` [K, H, W], metadata `classes` "[0,3]". */
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import type { ClassMaps } from '../evaluate/index.ts'
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '../io/safetensors.ts'
import { type TensorData, toFloat32Array } from '../io/tensor-data.ts'

/** The class maps of one picture, maps/ID.safetensors or refined/ID.safetensors. */
export function classMapFile(folder: string, { id }: { readonly id: string }): string {
  return join(folder, `${id}.safetensors`)
}

/** Writes the maps [K, H, W] of the given foreground classes (from 0), atomically. */
export async function writeClassMaps(
  path: string,
  { cam, classes }: { cam: TensorData; classes: readonly number[] },
): Promise<void> {
  await writeSafetensors(path, new Map([['cam', cam]]), { classes: JSON.stringify(classes) })
}

/** The classes (from 0) of the maps in a file, which are not read. Throws InputError for a file of another kind. */
export async function readMapClasses(path: string): Promise<readonly number[]> {
  const { metadata } = await readSafetensorsHeader(path)
  const classes = parseClasses(metadata.classes)
  if (classes === undefined) throw noClassMaps(path)
  return classes
}

/** Reads the maps as float32. Throws InputError when the file is missing, cut short, or of another kind. */
export async function readClassMaps(path: string): Promise<ClassMaps> {
  const { tensors, metadata } = await readSafetensors(path)
  const cam = tensors.get('cam')
  const classes = parseClasses(metadata.classes)
  const [count, height, width, ...rest] = cam?.shape ?? []
  if (
    cam === undefined ||
    classes === undefined ||
    width === undefined ||
    height === undefined ||
    rest.length > 0 ||
    count !== classes.length
  ) {
    throw noClassMaps(path)
  }
  const values = toFloat32Array(cam)
  const area = width * height
  return {
    width,
    height,
    maps: new Map(classes.map((k, i) => [k, values.subarray(i * area, (i + 1) * area)])),
  }
}

function noClassMaps(path: string): InputError {
  return new InputError(path, 'holds no class maps', {
    expected: 'a tensor cam [K, H, W] and the metadata classes, a list of K numbers; run tagmask maps again',
  })
}

function parseClasses(text: string | undefined): number[] | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    const isList = Array.isArray(value) && value.every(item => Number.isInteger(item))
    return isList && new Set(value).size === value.length ? value : undefined
  } catch {
    return undefined
  }
}
