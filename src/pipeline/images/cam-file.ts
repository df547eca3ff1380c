/** @file maps/ID.safetensors: the CAMs of one image. Tensor `cam` [K, H, W], metadata `classes` "[0,3]". Others' ID.npy are read too. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import type { Cams } from '../../evaluate/index.ts'
import { formatBytes, memoryBudget } from '../../io/available-memory.ts'
import { readRange, withFile } from '../../io/read-range.ts'
import { readSafetensorsHeader, writeSafetensors } from '../../io/safetensors.ts'
import { type TensorData, toFloat32Array } from '../../io/tensor-data.ts'
import { readNpyCams } from './npy-cams.ts'
import type { Size } from './step-memory.ts'

/** Endings of files of CAMs: ours, and others' dictionaries. */
const ENDINGS = ['.safetensors', '.npy'] as const

/** The image's name in that of a file of CAMs; undefined for other files. */
export function camFileId(name: string): string | undefined {
  const ending = ENDINGS.find(one => name.endsWith(one) && !name.startsWith('.'))
  return ending === undefined ? undefined : name.slice(0, -ending.length)
}

/** The CAMs of one image, maps/ID.safetensors or refined/ID.safetensors. */
export function camFile(folder: string, { id }: { readonly id: string }): string {
  return join(folder, `${id}.safetensors`)
}

/** Writes the CAMs [K, H, W] of the given foreground classes (from 0), atomically; `notes` is further metadata. */
export async function writeCams(
  path: string,
  {
    cam,
    classes,
    notes = {},
  }: { cam: TensorData; classes: readonly number[]; notes?: Readonly<Record<string, string>> },
): Promise<void> {
  await writeSafetensors(path, new Map([['cam', cam]]), { ...notes, classes: JSON.stringify(classes) })
}

/** The classes (from 0) of the CAMs in a file, without reading the CAMs. Throws InputError for another kind of file. */
export async function readCamClasses(path: string): Promise<readonly number[]> {
  if (isNpy(path)) return [...(await readNpyCams(path)).maps.keys()]
  const { metadata } = await readSafetensorsHeader(path)
  const classes = parseClasses(metadata.classes)
  if (classes === undefined) throw noCams(path)
  return classes
}

/** One entry of the metadata; undefined if absent or unreadable. */
export async function readCamNote(path: string, name: string): Promise<string | undefined> {
  const header = await readSafetensorsHeader(path).catch(() => undefined)
  return header?.metadata[name]
}

const NEGLIGIBLE = 256e6 // bytes; below this, free memory is not checked

/**
 * Reads the CAMs as float32, averaged down to the size that `sizeOf` returns. Throws InputError when the file is missing,
 * truncated, of another kind, or does not fit into memory.
 */
export async function readCams(
  path: string,
  { sizeOf = size => size }: { sizeOf?: (own: Size) => Size } = {},
): Promise<Cams & { readonly own: Size }> {
  if (isNpy(path)) return fromNpy(path, sizeOf)
  const { entries, metadata, dataStart } = await readSafetensorsHeader(path)
  const cam = entries.get('cam')
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
    throw noCams(path)
  }
  const own = { width, height }
  const size = sizeOf(own)
  refuseLargeCams(path, { own, size, count: classes.length })
  const { dtype, begin, end } = cam
  const bytes = (end - begin) / Math.max(1, classes.length)
  const maps = new Map<number, Float32Array>()
  await withFile(path, async file => {
    for (const [i, k] of classes.entries()) {
      const from = dataStart + begin + i * bytes
      const data = await readRange(path, file, from, from + bytes)
      maps.set(k, shrunk(toFloat32Array({ dtype, shape: [height, width], data }), own, size))
    }
  })
  return { ...size, maps, own }
}

const isNpy = (path: string): boolean => path.endsWith('.npy')

async function fromNpy(path: string, sizeOf: (own: Size) => Size): Promise<Cams & { readonly own: Size }> {
  const bytes = (await stat(path).catch(() => undefined))?.size ?? 0
  refuseLarge(path, 3 * bytes, `its arrays of ${formatBytes(bytes)} need`) // the file, its arrays, their copies
  const { width, height, maps } = await readNpyCams(path)
  const own = { width, height }
  const size = sizeOf(own)
  return { ...size, maps: new Map([...maps].map(([k, map]) => [k, shrunk(map, own, size)])), own }
}

function refuseLargeCams(path: string, { own, size, count }: { own: Size; size: Size; count: number }): void {
  const needed = 4 * count * size.width * size.height + 8 * own.width * own.height
  refuseLarge(path, needed, `${count} CAMs of ${own.width} x ${own.height} pixels need`)
}

function refuseLarge(path: string, needed: number, what: string): void {
  if (needed < NEGLIGIBLE) return
  const there = memoryBudget()
  if (needed <= there) return
  throw new InputError(path, `${what} about ${formatBytes(needed)}`, {
    expected: `${formatBytes(there)} of memory may be used; free memory`,
  })
}

/** The mean of the pixels that fall into each pixel of the smaller size. */
function shrunk(plane: Float32Array, own: Size, size: Size): Float32Array {
  if (own.width === size.width && own.height === size.height) return plane
  const bounds = (inputs: number, outputs: number): Int32Array =>
    Int32Array.from({ length: outputs + 1 }, (_, i) => Math.round((i * inputs) / outputs))
  const [columns, rows] = [bounds(own.width, size.width), bounds(own.height, size.height)]
  const out = new Float32Array(size.width * size.height)
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      let sum = 0
      for (let row = rows[y]!; row < rows[y + 1]!; row++) {
        const start = row * own.width
        for (let at = start + columns[x]!, end = start + columns[x + 1]!; at < end; at++) sum += plane[at]!
      }
      out[y * size.width + x] = sum / ((rows[y + 1]! - rows[y]!) * (columns[x + 1]! - columns[x]!))
    }
  }
  return out
}

function noCams(path: string): InputError {
  return new InputError(path, 'holds no CAMs', {
    expected: 'a tensor cam [K, H, W] and the metadata classes, a list of K numbers; recompute the CAMs',
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
