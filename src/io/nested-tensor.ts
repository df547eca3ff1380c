/**
 * @file PyTorch tensors inside other pickles, as np.save leaves them in a dictionary: each storage is a small checkpoint of its own
 * (torch.storage._load_from_bytes).
 */
import type { Budget } from './budget.ts'
import { PickleError, PickleGlobal, type PickleObject } from './pickle-value.ts'
import { parseLegacyCheckpoint } from './pth-legacy.ts'
import { gather } from './strided.ts'
import { itemSize, type TensorData } from './tensor-data.ts'
import { findTorchGlobal, TorchStorage, TorchTensor } from './torch-pickle.ts'

class NestedStorage extends TorchStorage {
  readonly bytes: Uint8Array

  constructor({ dtype, key, count, offset }: TorchStorage, bytes: Uint8Array) {
    super(dtype, key, count, offset)
    this.bytes = bytes
  }
}

/** The allow-list for pickles with numpy arrays and tensors; `path` is for messages. */
export function findNestedGlobal(
  path: string,
): (module: string, name: string) => PickleGlobal | PickleObject | undefined {
  const load = new PickleGlobal(([bytes], budget) => {
    if (!(bytes instanceof Uint8Array)) throw new PickleError('holds a tensor without its bytes')
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const { root, storages } = parseLegacyCheckpoint(path, buffer, budget)
    const content = root instanceof TorchStorage ? storages.get(root.key) : undefined
    if (!(root instanceof TorchStorage) || content === undefined)
      throw new PickleError('holds a tensor without its storage')
    return new NestedStorage(root, content)
  })
  return (module, name) =>
    module === 'torch.storage' && name === '_load_from_bytes' ? load : findTorchGlobal(module, name)
}

/** The elements of such a tensor in C order; undefined for any other value, or when it reaches outside its storage. */
export function nestedTensor(value: unknown, budget: Budget): TensorData | undefined {
  if (!(value instanceof TorchTensor) || !(value.storage instanceof NestedStorage)) return undefined
  const { storage, offset, shape, strides } = value
  const view = { itemSize: itemSize(storage.dtype), offset, shape, strides }
  const data = gather(storage.bytes, view, bytes => budget.spend(bytes))
  return data === undefined ? undefined : { dtype: storage.dtype, shape, data }
}
