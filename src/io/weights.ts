/** @file Weights from any file people have: safetensors, PyTorch checkpoints, numpy archives, and indexes of several. */
import { InputError } from '../errors.ts'
import { briefName } from './brief.ts'
import { holdsNumbers } from './finite-values.ts'
import { readNpz } from './npy.ts'
import { readPth } from './pth.ts'
import { readRange, withFile } from './read-range.ts'
import { readSafetensors } from './safetensors.ts'
import { partOf, readShards } from './sharded-weights.ts'
import type { TensorData } from './tensor-data.ts'
import { withZip } from './zip.ts'

const EXPECTED = 'a .safetensors, .pth, .pt, .bin or .npz file of weights, downloaded completely'

interface ReadTensors {
  readonly tensors: Map<string, TensorData>
  /** Those that were seen to hold numbers alone. */
  readonly finite?: ReadonlySet<string>
}

/**
 * Reads named tensors by the file's content, not its extension. PyTorch files: see readPth; an index of parts
 * (`*.index.json`): with the files beside it. Throws InputError naming what the file is instead (cut off, empty, a web page,
 * a git-lfs pointer, one of several parts, ...), or the tensor that holds NaN or infinity.
 */
export async function readWeights(path: string): Promise<Map<string, TensorData>> {
  const part = partOf(path)
  if (part !== undefined)
    throw new InputError(path, part.problem, { expected: `give ${part.index}, which names them all` })
  const { tensors, finite } = await readAny(path)
  if (tensors.size === 0) throw new InputError(path, 'holds no tensors', { expected: EXPECTED })
  for (const [name, tensor] of tensors) {
    if (finite?.has(name) || holdsNumbers(tensor)) continue
    throw new InputError(path, 'holds a value that is NaN or infinite', {
      field: briefName(name),
      expected: 'weights of a training that ended well: another file, or an earlier checkpoint',
    })
  }
  return tensors
}

async function readAny(path: string, { isShard = false } = {}): Promise<ReadTensors> {
  const head = await withFile(path, (file, size) => readRange(path, file, 0, Math.min(256, size)))
  const text = head.toString('latin1')
  if (text.startsWith('PK')) {
    const isNpz = firstEntryOf(head)?.endsWith('.npy') ?? (await holdsArrays(path))
    return isNpz ? { tensors: await readNpz(path) } : readPth(path)
  }
  // a header of 128 bytes (mod 256) begins like a pickle: check all nine bytes
  if (text.startsWith('\0\0\0{', 5)) return readSafetensors(path)
  if (head[0] === 0x80) return readPth(path)
  if (/^\s*\{/.test(text)) {
    if (isShard) throw new InputError(path, 'is an index of further files', { expected: EXPECTED })
    const read = async (shard: string) => (await readAny(shard, { isShard: true })).tensors
    return { tensors: await readShards(path, read) }
  }
  if (path.endsWith('.safetensors') && notWeights(text) === undefined) return readSafetensors(path)
  throw new InputError(path, notWeights(text) ?? 'is not a file of weights', { expected: EXPECTED })
}

/** The name of an archive's first entry; undefined where these bytes do not hold it. */
function firstEntryOf(head: Buffer): string | undefined {
  if (head.byteLength < 30 || head.readUInt32LE() !== 0x04034b50) return undefined
  const end = 30 + head.readUInt16LE(26)
  return end > 30 && end <= head.byteLength ? head.toString('latin1', 30, end) : undefined
}

function holdsArrays(path: string): Promise<boolean> {
  return withZip(path, async entries => [...entries.keys()].some(name => name.endsWith('.npy')))
}

/** Files mistaken for weights, told by their first bytes. */
function notWeights(head: string): string | undefined {
  if (head === '') return 'is empty (zero bytes)'
  if (/^\s*<(!doctype|html|\?xml|head|body)/i.test(head)) return 'is a web page, not weights'
  if (head.startsWith('version https://git-lfs')) return 'is a git-lfs pointer, not the weights themselves'
  if (head.startsWith('\x93NUMPY')) return 'is one numpy array without names'
  if (head.startsWith('\x1f\x8b')) return 'is compressed with gzip: unpack it first'
  if (/^\0+$/.test(head)) return 'begins with zeros: the download was not finished'
  return undefined
}
