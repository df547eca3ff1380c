/** @file A golden file: tensors by name, and the settings they were made with (`shared/fixtures/README.md`). Torch-free. */
import { z } from 'zod'
import { InputError } from '../../src/errors.ts'
import { readSafetensors, type SafetensorsFile } from '../../src/io/safetensors.ts'
import type { TensorData } from '../../src/io/tensor-data.ts'
import type { Comparison } from './comparison.ts'

export interface Fixture extends SafetensorsFile {
  readonly path: string
}

export interface CheckOptions {
  /** Device of networks: 'cpu', 'cuda', ... */
  readonly device: string
}

/** One kind of golden file, and its comparisons with our code. */
export interface Kind {
  readonly name: string
  /** Recognises the kind by content (settings, source, tensor names), never by the file's name. */
  readonly matches: (content: Content) => boolean
  /** One comparison for each expected tensor, and for settings that we derive. */
  readonly check: (
    fixture: Fixture,
    options: CheckOptions,
  ) => readonly Comparison[] | Promise<readonly Comparison[]>
  /** Further inputs besides `in.*` and `weights.*`, which are not compared. */
  readonly inputs?: readonly string[]
}

/** Features by which a kind is recognised. */
export interface Content {
  readonly config: Readonly<Record<string, unknown>>
  readonly source: string
  has(tensor: string): boolean
  hasPrefix(prefix: string): boolean
}

/** Throws InputError as readSafetensors does. */
export async function readFixture(path: string): Promise<Fixture> {
  return { ...(await readSafetensors(path)), path }
}

export function contentOf(fixture: Fixture): Content {
  const names = [...fixture.tensors.keys()]
  return {
    config: parseConfig(fixture, z.record(z.string(), z.unknown())),
    source: fixture.metadata.source ?? '',
    has: tensor => fixture.tensors.has(tensor),
    hasPrefix: prefix => names.some(name => name.startsWith(prefix)),
  }
}

/** The settings, checked. Throws InputError naming the file and the setting. */
export function parseConfig<T>({ path, metadata }: Fixture, schema: z.ZodType<T>): T {
  const field = '__metadata__.config'
  let config: unknown
  try {
    config = JSON.parse(metadata.config ?? '{}')
  } catch (cause) {
    throw new InputError(path, 'is not JSON', { field, cause })
  }
  const { success, data, error } = schema.safeParse(config)
  if (!success) throw new InputError(path, z.prettifyError(error), { field })
  return data
}

/** A required tensor. Throws InputError. */
export function tensorOf({ path, tensors }: Fixture, name: string): TensorData {
  const found = tensors.get(name)
  if (found === undefined) throw new InputError(path, 'tensor missing', { field: name })
  return found
}

/** Tensors under `prefix`, by the rest of their names. */
export function tensorsUnder({ tensors }: Fixture, prefix: string): Map<string, TensorData> {
  return new Map(
    [...tensors].flatMap(([name, data]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), data] as const] : [],
    ),
  )
}
