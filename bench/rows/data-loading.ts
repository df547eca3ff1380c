/** @file data-loading: images decoded and augmented for training, beside PIL, against sharp's bare decode of the same files. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openTrainLoader, TRAIN_TRANSFORM } from '../../src/data/index.ts'
import { threads } from '../../src/torch/index.ts'
import { decodeFloor, openImages } from '../files.ts'
import { findPython, pythonVersion, startPython } from '../python-server.ts'
import type { MissingPeer, Peer, Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'

export const dataLoading: Row = {
  name: 'data-loading',
  title:
    'JPEGs of 375 x 500 pixels to crops of 224: decode, crop, flip, RandAugment, erasing; a worker for each core',
  unit: 'images/s',
  async prepare({ quick, data }) {
    const folder = temporaryFolder()
    const { dataset, files } = await openImages(folder.path, { quick, data })
    const imageSize = quick ? 64 : 224
    const loader = openTrainLoader(dataset, {
      views: [{ ...TRAIN_TRANSFORM, imageSize }],
      seed: 1,
      batchSize: Math.min(16, files.length),
      workers: threads(),
    })
    let epoch = 0
    const list = join(folder.path, 'files')
    await writeFile(list, files.join('\n'))
    const peer = await pil([list, String(imageSize), String(threads())])
    return {
      amount: files.length - (files.length % Math.min(16, files.length)),
      async ours() {
        for await (const _ of loader.epoch(epoch++));
      },
      peer,
      floor: decodeFloor(files),
      async close() {
        if ('close' in peer) peer.close()
        await loader.close()
        folder.remove()
      },
    }
  },
}

async function pil(args: readonly string[]): Promise<(Peer & { close: () => void }) | MissingPeer> {
  const python = findPython('numpy, PIL')
  if (python === undefined)
    return {
      missing:
        'give a python with numpy and PIL: TAGMASK_TORCH_PYTHON=PYTHON, or apt-get install python3-numpy python3-pil',
    }
  const server = await startPython('data-loading.py', { python, args, threads: 1 })
  const { run, close } = server
  return { name: `PIL ${pythonVersion(python, 'PIL')}, as many processes`, run, close }
}
