/** @file read-weights/KIND: an 88 MB checkpoint of DeiT-S's shapes read, beside torch.load, against reading its bytes; from the page cache. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeSafetensors } from '../../src/io/safetensors.ts'
import { fromFloat32, type TensorData } from '../../src/io/tensor-data.ts'
import { readWeights } from '../../src/io/weights.ts'
import { legacyCheckpoint, zipCheckpoint } from '../../test/checkpoints.ts'
import { bytesFloor } from '../files.ts'
import type { Conditions, MissingPeer, Peer, Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type StartedPeer, torchPeer } from '../torch-peers.ts'

type Weights = Map<string, TensorData>

export const readWeightFiles: readonly Row[] = [
  weightsRow('zip', async (file, weights) => writeFileSync(file, zipCheckpoint(weights))),
  weightsRow('legacy', async (file, weights) => writeFileSync(file, legacyCheckpoint(weights))),
  weightsRow('safetensors', (file, weights) => writeSafetensors(file, weights)),
]

function weightsRow(kind: string, write: (file: string, weights: Weights) => Promise<void>): Row {
  const ending = kind === 'safetensors' ? kind : 'pth'
  return {
    name: `read-weights/${kind}`,
    title: `DeiT-S's weights, 88 MB, ${kind === 'safetensors' ? 'safetensors' : `.pth (${kind})`}, checksums and NaN check included`,
    unit: 'MB/s',
    async prepare(conditions) {
      const folder = temporaryFolder()
      const file = join(folder.path, `deit.${ending}`)
      await write(file, deitSmall(conditions.quick ? 24 : 384))
      const peer = kind === 'safetensors' ? { missing: undefined } : await torchLoad(file, conditions)
      return {
        amount: statSync(file).size / 1e6,
        ours: () => readWeights(file),
        peer,
        floor: bytesFloor([file]),
        close() {
          if ('close' in peer) peer.close()
          folder.remove()
        },
      }
    },
  }
}

async function torchLoad(
  file: string,
  conditions: Conditions,
): Promise<StartedPeer | (Peer & MissingPeer) | MissingPeer> {
  const peer = await torchPeer('read-weights.py', [file], conditions)
  return 'name' in peer ? { ...peer, name: `torch.load, ${peer.name}` } : peer
}

/** Names and shapes of a DeiT-S of this width, values that are no zeros. */
function deitSmall(width: number): Weights {
  const weights: Weights = new Map()
  let seed = 1
  const add = (name: string, ...shape: number[]): void => {
    const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
    for (let i = 0; i < values.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0
      values[i] = seed / 2 ** 36
    }
    weights.set(name, fromFloat32(values, shape))
  }
  const layer = (name: string, outer: number, ...inner: number[]): void => {
    add(`${name}.weight`, outer, ...inner)
    add(`${name}.bias`, outer)
  }
  add('cls_token', 1, 1, width)
  add('pos_embed', 1, 197, width)
  layer('patch_embed.proj', width, 3, 16, 16)
  for (let block = 0; block < 12; block++) {
    const own = `blocks.${block}.`
    layer(`${own}norm1`, width)
    layer(`${own}attn.qkv`, 3 * width, width)
    layer(`${own}attn.proj`, width, width)
    layer(`${own}norm2`, width)
    layer(`${own}mlp.fc1`, 4 * width, width)
    layer(`${own}mlp.fc2`, width, 4 * width)
  }
  layer('norm', width)
  layer('head', 1000, width)
  return weights
}
