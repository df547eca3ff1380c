/** @file PyTorch's checkpoint format before 1.6: five pickles, then the raw storages one after another. */
import { InputError } from '../errors.ts'
import { brief, briefName } from './brief.ts'
import { Budget } from './budget.ts'
import { FinitePieces } from './finite-values.ts'
import type { PickleValue } from './pickle-value.ts'
import { readWhole } from './read-range.ts'
import { itemSize } from './tensor-data.ts'
import { findTorchGlobal, loadStorage, type TorchStorage } from './torch-pickle.ts'
import { unpickle } from './unpickler.ts'

/** A checkpoint: the unpickled object, and the raw bytes its tensors refer to. */
export interface Checkpoint {
  readonly root: PickleValue
  readonly readStorage: (storage: TorchStorage) => Promise<StoredBytes>
  /** Pays for copies of what it holds. */
  readonly budget: Budget
}

/** The raw bytes of a storage. */
export interface StoredBytes {
  readonly bytes: Uint8Array
  /** All of its values were seen to be finite; undefined: nobody has looked. */
  readonly finite?: boolean
}

const WORD = 8 // bytes of the widest element
const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL = 1001
const EXPECTED = 'a file made by torch.save that was copied or downloaded completely'

/**
 * Reads the whole file with one read; storages are views of it. They lie one after another up to the end of the file, so that
 * in a buffer whose end is aligned they are, too; copied where not, as after an odd number of shorter values.
 */
export async function withLegacyCheckpoint<T>(
  path: string,
  use: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  const pieces = new FinitePieces('float32')
  const bytes = await readWhole(path, {
    alignEnd: WORD,
    look: (piece, at) => pieces.look(piece, at),
  })
  const budget = Budget.forCopies(path, bytes.byteLength)
  const { root, storages } = parseLegacyCheckpoint(path, bytes, budget)
  const readStorage = async ({ key, dtype }: TorchStorage): Promise<StoredBytes> => {
    const stored = storages.get(key)
    if (stored === undefined)
      throw new InputError(path, `storage ${briefName(key)} is missing`, { expected: EXPECTED })
    const begin = stored.byteOffset - bytes.byteOffset
    return { bytes: stored, ...(pieces.hold(dtype, begin, begin + stored.byteLength) && { finite: true }) }
  }
  return use({ root, readStorage, budget })
}

/** The same of bytes: the object, and the bytes of each storage by its key, views of them. `path` is for messages. */
export function parseLegacyCheckpoint(
  path: string,
  bytes: Buffer,
  budget: Budget,
): { readonly root: PickleValue; readonly storages: ReadonlyMap<string, Uint8Array> } {
  let position = 0
  const storages = new Map<string, TorchStorage>()
  const next = () => {
    const { value, end } = unpickle(path, bytes, {
      start: position,
      budget,
      findGlobal: findTorchGlobal,
      persistentLoad: id => {
        const storage = loadStorage(id)
        if (!storages.has(storage.key)) storages.set(storage.key, storage)
        return storage
      },
    })
    position = end
    return value
  }
  if (next() !== MAGIC) throw new InputError(path, 'is not a PyTorch checkpoint', { expected: EXPECTED })
  if (next() !== PROTOCOL)
    throw new InputError(path, 'is of an unknown legacy version', { expected: EXPECTED })
  const system = next()
  if (system instanceof Map && system.get('little_endian') === false) {
    throw new InputError(path, 'was saved on a big-endian machine', {
      expected: 'a little-endian checkpoint',
    })
  }
  const root = next()
  const keys = next()
  const data = new Map<string, Uint8Array>()
  for (const key of Array.isArray(keys) ? keys : []) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined
    if (storage === undefined)
      throw new InputError(path, `is damaged: storage ${brief(key)} belongs to no tensor`)
    const start = position + 8 // an int64 count comes first
    const end = start + storage.count * itemSize(storage.dtype)
    if (end > bytes.byteLength) {
      const problem = `is cut off: it ends ${end - bytes.byteLength} bytes before the end of storage ${briefName(storage.key)}`
      throw new InputError(path, problem, { expected: EXPECTED })
    }
    if (bytes.readBigInt64LE(position) !== BigInt(storage.count)) {
      throw new InputError(path, `is damaged: the sizes of storage ${briefName(storage.key)} disagree`, {
        expected: EXPECTED,
      })
    }
    data.set(storage.key, bytes.subarray(start, end))
    position = end
  }
  return { root, storages: data }
}
