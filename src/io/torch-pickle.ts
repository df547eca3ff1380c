/** @file Values of PyTorch's checkpoints: tensors, storages, and a few inert classes around them. */
import { MAX_AXES } from './budget.ts'
import { findNumpyGlobal } from './numpy-pickle.ts'
import {
  checkKey,
  ITEM_BYTES,
  PickleError,
  PickleGlobal,
  PickleObject,
  type PickleValue,
} from './pickle-value.ts'
import type { DType } from './tensor-data.ts'

/** A reference to raw elements that lie elsewhere in the file. */
export class TorchStorage extends PickleObject {
  readonly dtype: DType
  /** Name of the raw bytes in the file. */
  readonly key: string
  /** Elements in all of the bytes under `key`. */
  readonly count: number
  /** First element of this storage in them (only very old files have storages that are views). */
  readonly offset: number

  constructor(dtype: DType, key: string, count: number, offset: number) {
    super('torch.Storage')
    this.dtype = dtype
    this.key = key
    this.count = count
    this.offset = offset
  }
}

/** A tensor as the file describes it: a strided view of a storage, in elements. */
export class TorchTensor extends PickleObject {
  readonly storage: TorchStorage
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]

  constructor(storage: TorchStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    super('torch.Tensor')
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

class StorageType extends PickleGlobal {
  readonly dtype: DType

  constructor(dtype: DType) {
    super(() => {
      throw new PickleError('is damaged: it builds an empty storage')
    })
    this.dtype = dtype
  }
}

const STORAGES = new Map<string, StorageType>(
  Object.entries({
    FloatStorage: 'float32',
    DoubleStorage: 'float64',
    HalfStorage: 'float16',
    BFloat16Storage: 'bfloat16',
    LongStorage: 'int64',
    IntStorage: 'int32',
    ShortStorage: 'int16',
    CharStorage: 'int8',
    ByteStorage: 'uint8',
    BoolStorage: 'bool',
  } as const).map(([name, dtype]) => [name, new StorageType(dtype)]),
)

const rebuildTensor = new PickleGlobal(([storage, offset, shape, strides]) => {
  if (
    !(storage instanceof TorchStorage) ||
    typeof offset !== 'number' ||
    !isCounts(shape) ||
    !isCounts(strides)
  ) {
    throw new PickleError('is damaged: a tensor without storage, shape or strides')
  }
  return new TorchTensor(storage, storage.offset + offset, shape, strides)
})

/** The value without its wrapper: a Parameter's tensor. */
const unwrap = new PickleGlobal(([value]) => value ?? null)

const makeMap = new PickleGlobal((args, budget) => {
  const content = args.at(-1)
  const map = new Map<PickleValue, PickleValue>()
  if (content instanceof Map) {
    budget.spend(content.size * ITEM_BYTES)
    for (const [key, value] of content) map.set(key, value)
  } else if (Array.isArray(content)) {
    budget.spend(content.length * ITEM_BYTES)
    for (const pair of content) if (Array.isArray(pair)) map.set(checkKey(pair[0] ?? null), pair[1] ?? null)
  }
  return map
})

const makeList = new PickleGlobal(([items], budget) => {
  if (!Array.isArray(items)) return []
  budget.spend(items.length * ITEM_BYTES)
  return [...items]
})

const makeSet = new PickleGlobal(([items], budget) => {
  if (!Array.isArray(items)) return new Set()
  budget.spend(items.length * ITEM_BYTES)
  return new Set(items.map(checkKey))
})

/** Parts that are no text (or lists of text within lists: a trap, see the tests) are left out. */
const joinPath = new PickleGlobal((parts, budget) => {
  budget.spend(parts.length * ITEM_BYTES)
  const texts = parts.filter(part => typeof part === 'string')
  budget.spend(texts.reduce((sum, text) => sum + 2 * text.length, 0))
  return texts.join('/')
})

const inert = (type: string) => new PickleGlobal(() => new PickleObject(type))

const GLOBALS = new Map<string, PickleGlobal>([
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', unwrap],
  ['torch._utils._rebuild_parameter_with_state', unwrap],
  ['torch.Size', makeList],
  ['torch.device', inert('torch.device')],
  ['collections.OrderedDict', makeMap],
  ['collections.defaultdict', makeMap],
  ['collections.Counter', makeMap],
  ['argparse.Namespace', inert('argparse.Namespace')],
  ...['PosixPath', 'PurePosixPath', 'WindowsPath', 'PureWindowsPath'].map(
    name => [`pathlib.${name}`, joinPath] as const,
  ),
  ...['builtins', '__builtin__'].flatMap(
    module =>
      [
        [`${module}.list`, makeList],
        [`${module}.dict`, makeMap],
        [`${module}.set`, makeSet],
        [`${module}.frozenset`, makeSet],
      ] as const,
  ),
])

const DTYPE_NAMES = /^(float(16|32|64)|bfloat16|u?int(8|16|32|64)|bool)$/

/** The allow-list for PyTorch checkpoints; undefined for everything else. */
export function findTorchGlobal(module: string, name: string): PickleGlobal | PickleObject | undefined {
  if (module === 'torch' || module === 'torch.cuda') {
    const storage = STORAGES.get(name)
    if (storage !== undefined) return storage
  }
  if (module === 'torch' && DTYPE_NAMES.test(name)) return new PickleObject(`torch.${name}`)
  return GLOBALS.get(`${module}.${name}`) ?? findNumpyGlobal(module, name)
}

/** Persistent ids are ('storage', type, key, device, element count[, view]), a view being (key, offset, count). */
export function loadStorage(id: PickleValue): TorchStorage {
  const [tag, type, key, , count, view] = Array.isArray(id) ? id : []
  if (tag !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isCount(count)) {
    throw new PickleError('is damaged: a storage without type, key or size')
  }
  const offset = Array.isArray(view) ? view[1] : 0
  if (!isCount(offset)) throw new PickleError('is damaged: a storage view without offset')
  return new TorchStorage(type.dtype, key, count, offset)
}

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= MAX_AXES && value.every(isCount)
}
