/**
 * @file Weights in several files beside an index, as Hugging Face writes large ones: `model.safetensors.index.json` or
 * `pytorch_model.bin.index.json`, whose `weight_map` gives each tensor's file.
 */
import { basename, dirname, join } from 'node:path'
import { InputError } from '../errors.ts'
import { briefName } from './brief.ts'
import { readRange, withFile } from './read-range.ts'
import type { TensorData } from './tensor-data.ts'

const MAX_INDEX_BYTES = 25 * 1024 * 1024

/** A file that is one of several parts by its name, and the name of its index; undefined for others. */
export function partOf(path: string): { readonly problem: string; readonly index: string } | undefined {
  const [, start, number, count, end] = /^(.*)-(\d{5})-of-(\d{5})(\.\w+)$/.exec(basename(path)) ?? []
  if (start === undefined || Number(count) < 2) return undefined
  return {
    problem: `is part ${Number(number)} of ${Number(count)} of the weights`,
    index: join(dirname(path), `${start}${end}.index.json`),
  }
}

/**
 * The tensors of all files of an index; `read` reads one. Throws one InputError for all that does not fit: parts that are
 * absent, tensors that are in none, in two, or not in the index.
 */
export async function readShards(
  path: string,
  read: (file: string) => Promise<ReadonlyMap<string, TensorData>>,
): Promise<Map<string, TensorData>> {
  const places = await readIndex(path)
  const tensors = new Map<string, TensorData>()
  const found = new Map<string, string>()
  const problems = { absent: [] as string[], repeated: [] as string[], unknown: [] as string[] }
  for (const file of new Set(places.values())) {
    const part = await read(join(dirname(path), file)).catch((error: unknown) => {
      if (!(error instanceof InputError) || error.problem !== 'does not exist') throw error
      problems.absent.push(file)
      return undefined
    })
    for (const [name, tensor] of part ?? []) {
      if (found.has(name)) problems.repeated.push(`${name} (${found.get(name)} and ${file})`)
      else if (!places.has(name)) problems.unknown.push(name)
      found.set(name, file)
      tensors.set(name, tensor)
    }
  }
  const missing = [...places].flatMap(([name, file]) =>
    tensors.has(name) || problems.absent.includes(file) ? [] : [name],
  )
  const words = [
    ...some('absent files', problems.absent),
    ...some('tensors missing from their files', missing),
    ...some('in two files', problems.repeated),
    ...some('not in the index', problems.unknown),
  ]
  if (words.length === 0) return tensors
  throw new InputError(path, `does not fit the files beside it: ${words.join('; ')}`, {
    expected: 'download the index and all of its files again, into one folder',
  })
}

function some(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return []
  const listed = names.slice(0, 6).map(briefName).join(', ')
  return [`${what}: ${listed}${names.length > 6 ? ` and ${names.length - 6} more` : ''}`]
}

/** File of each tensor. */
async function readIndex(path: string): Promise<ReadonlyMap<string, string>> {
  const expected = 'an index of weights (*.index.json) with a weight_map, or the weights themselves'
  const bytes = await withFile(path, (file, size) => {
    if (size > MAX_INDEX_BYTES)
      throw new InputError(path, `is a text of ${size} bytes, not an index of weights`, { expected })
    return readRange(path, file, 0, size)
  })
  let index: unknown
  try {
    index = JSON.parse(bytes.toString())
  } catch (cause) {
    throw new InputError(path, 'begins like JSON and is none', { expected, cause })
  }
  const map = isObject(index) ? index.weight_map : undefined
  if (!isObject(map) || Object.keys(map).length === 0)
    throw new InputError(path, 'is JSON without a weight_map', { expected })
  return new Map(
    Object.entries(map).map(([name, file]) => {
      if (typeof file === 'string' && file === basename(file) && !['', '.', '..'].includes(file))
        return [name, file]
      throw new InputError(path, 'names no file beside the index', {
        field: briefName(name),
        expected: 'the plain name of a file in the same folder',
      })
    }),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
