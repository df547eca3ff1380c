/** @file Weights from any file people have: safetensors, PyTorch checkpoints, numpy archives. */
import { InputError } from '../errors.ts'
import { briefName } from './brief.ts'
import { readNpz } from './npy.ts'
import { readPth } from './pth.ts'
import { readRange, withFile } from './read-range.ts'
import { readSafetensors } from './safetensors.ts'
import { holdsNumbers, type TensorData } from './tensor-data.ts'
import { withZip } from './zip.ts'

const EXPECTED = 'a .safetensors, .pth, .pt, .bin or .npz file of weights, downloaded completely'

/**
 * Reads named tensors by the file's content, not its extension. PyTorch files: see readPth.
 * Throws InputError naming what the file is instead (cut off, empty, a web page, a git-lfs pointer, ...), or the tensor
 * that holds NaN or infinity.
 */
export async function readWeights(path: string): Promise<Map<string, TensorData>> {
  const weights = await readAny(path)
  for (const [name, tensor] of weights) {
    if (holdsNumbers(tensor)) continue
    throw new InputError(path, 'holds a value that is NaN or infinite', {
      field: briefName(name),
      expected: 'weights of a training that ended well: another file, or an earlier checkpoint',
    })
  }
  return weights
}

async function readAny(path: string): Promise<Map<string, TensorData>> {
  const head = await withFile(path, (file, size) => readRange(path, file, 0, Math.min(256, size)))
  const text = head.toString('latin1')
  if (text.startsWith('PK')) return (await holdsArrays(path)) ? readNpz(path) : (await readPth(path)).tensors
  // a header of 128 bytes (mod 256) begins like a pickle: check all nine bytes
  if (text.startsWith('\0\0\0{', 5)) return (await readSafetensors(path)).tensors
  if (head[0] === 0x80) return (await readPth(path)).tensors
  if (path.endsWith('.safetensors') && notWeights(text) === undefined)
    return (await readSafetensors(path)).tensors
  throw new InputError(path, notWeights(text) ?? 'is not a file of weights', { expected: EXPECTED })
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
