/**
 * @file PyTorch checkpoints (.pth, .pt, .bin) without PyTorch: finds the state dict, whatever it is kept under.
 * Nothing in the file is run: see unpickler.ts and the allow-list in torch-pickle.ts.
 */
import { InputError } from '../errors.ts'
import { brief, briefName } from './brief.ts'
import type { Budget } from './budget.ts'
import { NumpyArray } from './numpy-pickle.ts'
import type { PickleValue } from './pickle-value.ts'
import { type Checkpoint, withLegacyCheckpoint } from './pth-legacy.ts'
import { withZipCheckpoint } from './pth-zip.ts'
import { readRange, withFile } from './read-range.ts'
import { gather } from './strided.ts'
import { itemSize, type TensorData } from './tensor-data.ts'
import { TorchTensor } from './torch-pickle.ts'

export interface PthFile {
  readonly tensors: Map<string, TensorData>
  /** The key the state dict was found under ('model', ...); empty when it is the whole file. */
  readonly foundUnder: string
  /** Tensors whose values were seen to be finite while they were read; of others nothing is known. */
  readonly finite: ReadonlySet<string>
}

/** Keys under which training scripts keep the weights, the likeliest first. */
const STATE_DICT_KEYS = [
  'model',
  'state_dict',
  'model_state_dict',
  'net',
  'network',
  'module',
  'teacher',
  'student',
  'model_ema',
  'state_dict_ema',
]

/** Storages that are read while one is checked. */
const AHEAD = 16

type Dictionary = ReadonlyMap<PickleValue, PickleValue>

/**
 * Reads the state dict of a checkpoint, zip or legacy, each tensor in C order, `module.` prefixes removed.
 * `key` chooses one of several ('model_ema'). Throws InputError for anything damaged, unknown or not plain data.
 */
export async function readPth(path: string, { key }: { key?: string } = {}): Promise<PthFile> {
  const read = async ({ root, ...from }: Checkpoint): Promise<PthFile> => {
    const { found, under } = findStateDict(path, root, key)
    const entries = [...found]
    const tensors = new Map<string, TensorData>()
    const finite = new Set<string>()
    for (const [i, [name, value]] of entries.entries()) {
      const [, ahead] = entries[i + AHEAD] ?? []
      if (ahead instanceof TorchTensor) from.readStorage(ahead.storage).catch(() => undefined) // thrown when it is needed
      const key = typeof name === 'string' ? name : brief(name)
      const { tensor, isClean } = await toTensorData(path, key, value, from)
      if (tensor !== undefined) tensors.set(key, tensor)
      if (isClean === true) finite.add(key)
    }
    const strip = prefixOf(tensors.keys(), 'module.')
    return {
      tensors: new Map([...tensors].map(([name, tensor]) => [strip(name), tensor])),
      foundUnder: under,
      finite: new Set([...finite].map(strip)),
    }
  }
  const start = await withFile(path, (file, size) => readRange(path, file, 0, Math.min(4, size)))
  const isZip = start.toString('latin1').startsWith('PK')
  if (!isZip && start[0] !== 0x80) {
    const problem = start.byteLength === 0 ? 'is empty (zero bytes)' : 'is not a PyTorch checkpoint'
    throw new InputError(path, problem, { expected: 'a file made by torch.save' })
  }
  return isZip ? withZipCheckpoint(path, read) : withLegacyCheckpoint(path, read)
}

function findStateDict(
  path: string,
  root: PickleValue,
  wanted: string | undefined,
): { found: Dictionary; under: string } {
  if (!(root instanceof Map)) {
    throw new InputError(path, 'does not hold a dictionary', {
      expected: "a state_dict, e.g. {'model': {...}}",
    })
  }
  for (const key of wanted === undefined ? STATE_DICT_KEYS : [wanted]) {
    const value = root.get(key)
    if (!(value instanceof Map)) continue
    if (holdsTensors(value)) return { found: value, under: key }
    for (const name of STATE_DICT_KEYS) {
      const inner = value.get(name)
      if (inner instanceof Map && holdsTensors(inner)) return { found: inner, under: `${key}.${name}` }
    }
  }
  if (wanted === undefined && holdsTensors(root)) return { found: root, under: '' }
  const keys = [...root.keys()]
    .filter(name => typeof name === 'string')
    .slice(0, 12)
    .map(briefName)
  throw new InputError(path, `no weights found${wanted === undefined ? '' : ` under '${wanted}'`}`, {
    expected: `its keys are ${keys.length === 0 ? 'none' : keys.join(', ')}; weights are looked for under ${STATE_DICT_KEYS.join(', ')}`,
  })
}

function holdsTensors(dictionary: Dictionary): boolean {
  return [...dictionary.values()].some(item => item instanceof TorchTensor || item instanceof NumpyArray)
}

/** Undefined for the other things a state dict may hold: counters, text, nested dictionaries. */
async function toTensorData(
  path: string,
  name: string,
  value: PickleValue,
  { readStorage, budget }: { readStorage: Checkpoint['readStorage']; budget: Budget },
): Promise<{ tensor?: TensorData; isClean?: boolean | undefined }> {
  if (value instanceof NumpyArray && value.content !== undefined && 'dtype' in value.content)
    return { tensor: value.content }
  if (!(value instanceof TorchTensor)) return {}
  const { storage, offset, shape, strides } = value
  const view = { itemSize: itemSize(storage.dtype), offset, shape, strides }
  const { bytes, finite } = await readStorage(storage)
  const data = gather(bytes, view, copied => budget.spend(copied, briefName(name)))
  if (data === undefined) {
    const problem = `its shape [${shape.join(', ')}] and strides [${strides.join(', ')}] reach outside the stored data`
    throw new InputError(path, problem, {
      field: briefName(name),
      expected: 'a checkpoint that is not damaged',
    })
  }
  return { tensor: { dtype: storage.dtype, shape, data }, isClean: finite }
}

/** Removes the prefix where every name has it: DataParallel puts `module.` before them. */
function prefixOf(names: Iterable<string>, prefix: string): (name: string) => string {
  const all = [...names].every(name => name.startsWith(prefix) && name.length > prefix.length)
  return name => (all ? name.slice(prefix.length) : name)
}
