/** @file PyTorch's checkpoint format since 1.6: a zip of data.pkl and one entry for each storage. */
import { InputError } from '../errors.ts'
import { briefName } from './brief.ts'
import { Budget } from './budget.ts'
import { finiteCheck } from './finite-values.ts'
import type { Checkpoint, StoredBytes } from './pth-legacy.ts'
import type { DType } from './tensor-data.ts'
import { findTorchGlobal, loadStorage, type TorchStorage } from './torch-pickle.ts'
import { unpickle } from './unpickler.ts'
import { withZip, type ZipEntry } from './zip.ts'

/** Opens the archive, passes its contents, closes. Storages are read on first use, each once. */
export function withZipCheckpoint<T>(path: string, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  return withZip(path, async (entries, size) => {
    const budget = Budget.forCopies(path, size)
    const pickleName = [...entries.keys()].find(name => name === 'data.pkl' || name.endsWith('/data.pkl'))
    const pickle = pickleName === undefined ? undefined : entries.get(pickleName)
    if (pickle === undefined || pickleName === undefined) {
      throw new InputError(path, 'is a zip archive without data.pkl', {
        expected: 'a file made by torch.save',
      })
    }
    const folder = pickleName.slice(0, -'data.pkl'.length)
    const byteOrder = await entries.get(`${folder}byteorder`)?.read()
    if (byteOrder !== undefined && Buffer.from(byteOrder).toString() === 'big') {
      throw new InputError(path, 'was saved on a big-endian machine', {
        expected: 'a little-endian checkpoint',
      })
    }
    const { value: root } = unpickle(path, await pickle.read(), {
      findGlobal: findTorchGlobal,
      persistentLoad: loadStorage,
      budget,
    })
    const stored = new Map<string, Promise<StoredBytes>>()
    const readStorage = ({ key, dtype }: TorchStorage): Promise<StoredBytes> => {
      const as = `${dtype} ${key}` // a damaged file may read the same bytes as two types
      const bytes = stored.get(as) ?? readEntry(entries.get(`${folder}data/${key}`), dtype, { path, key })
      stored.set(as, bytes)
      return bytes
    }
    return use({ root, readStorage, budget })
  })
}

async function readEntry(
  entry: ZipEntry | undefined,
  dtype: DType,
  { path, key }: { path: string; key: string },
): Promise<StoredBytes> {
  if (entry === undefined)
    throw new InputError(path, 'is missing from the archive', { field: `data/${briefName(key)}` })
  const check = finiteCheck(dtype)
  let finite = true
  const bytes = await entry.read((words, count) => {
    finite &&= check?.(words, count) ?? true
  })
  return { bytes, finite }
}
