/** @file threshold-sweep: mIoU at 101 thresholds, from files, beside a pass for each threshold as MCTformer's evaluation.py makes it. */
import { linkSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '../../src/data/dataset.ts'
import { sweepCurve } from '../../src/evaluate/index.ts'
import { writeLabelMap } from '../../src/io/indexed-png.ts'
import { fromFloat32 } from '../../src/io/tensor-data.ts'
import { camFile, writeCams } from '../../src/pipeline/images/cam-file.ts'
import { loadRecipe } from '../../src/pipeline/recipe/load.ts'
import { runFolder } from '../../src/pipeline/run/run-folder.ts'
import type { StageContext } from '../../src/pipeline/run/stage.ts'
import { sweepImages } from '../../src/pipeline/stages/evaluate/evaluate.ts'
import { silentLog } from '../../src/train/log.ts'
import { bytesFloor } from '../files.ts'
import { blobs } from '../made-images.ts'
import { findPython, pythonVersion, startPython } from '../python-server.ts'
import type { MissingPeer, Peer, Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const CLASSES = 20
const THRESHOLDS = 101

interface Made {
  readonly width: number
  readonly height: number
  /** Images scored, under as many names. */
  readonly images: number
  /** Of them with contents of their own; the others are links to these. */
  readonly own: number
}

export const thresholdSweep: Row = {
  name: 'threshold-sweep',
  title: `mIoU at ${THRESHOLDS} thresholds of 1,103 images, 375 x 500 pixels, one to three classes each`,
  unit: 'images/s',
  bars: [{ of: 'ratio', bound: 50 }],
  async prepare({ quick }) {
    const made: Made = quick
      ? { width: 50, height: 38, images: 40, own: 8 }
      : { width: 500, height: 375, images: 1103, own: 64 }
    const folder = temporaryFolder()
    const { dataset, maps } = await writeMaps(folder.path, made)
    const { recipe } = await loadRecipe('mctformer_demo')
    const context: StageContext = {
      recipe,
      dataset,
      valDataset: undefined,
      run: runFolder(folder.path),
      log: silentLog(),
      signal: new AbortController().signal,
    }
    const peer = await perThreshold(folder.path, made)
    return {
      amount: made.images,
      async ours() {
        const { sweep } = await sweepImages(context, dataset, { folder: maps })
        if (sweepCurve(sweep).length !== THRESHOLDS) throw new Error(`not at ${THRESHOLDS} thresholds`)
      },
      peer,
      floor: bytesFloor(dataset.samples.flatMap(sample => [camFile(maps, sample), sample.mask!])),
      close() {
        if ('close' in peer) peer.close()
        folder.remove()
      },
    }
  },
}

/** CAMs and masks for us; the same for the peer in a folder of its own. */
async function writeMaps(
  folder: string,
  { width, height, images, own }: Made,
): Promise<{ dataset: Dataset; maps: string }> {
  const [maps, masks, theirs] = ['maps', 'masks', 'theirs'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [maps, masks, theirs]) await mkdir(path)
  const mask = (id: number): string => join(masks, `${id}.png`)
  const classesOf = (i: number): number[] =>
    Array.from({ length: 1 + (i % 3) }, (_, k) => (5 * i + 7 * k) % CLASSES)
  for (let i = 0; i < images; i++) {
    const id = String(i)
    if (i >= own) {
      linkSync(camFile(maps, { id: String(i % own) }), camFile(maps, { id }))
      linkSync(mask(i % own), mask(i))
      continue
    }
    const classes = classesOf(i)
    const cam = blobs(classes.length, { width, height }, i + 1)
    const data = cam.subarray(0, width * height)
    const labels = Uint8Array.from(data, value => (value > 0.5 ? classes[0]! + 1 : value > 0.48 ? 255 : 0))
    await writeCams(camFile(maps, { id }), {
      cam: fromFloat32(cam, [classes.length, height, width]),
      classes,
    })
    await writeLabelMap(mask(i), { width, height, data: labels })
    linkSync(mask(i), join(theirs, `${i}.png`))
    writeFileSync(join(theirs, `${i}.cams`), cam)
    writeFileSync(join(theirs, `${i}.labels`), labels)
    writeFileSync(join(theirs, `${i}.classes`), classes.join())
  }
  const samples = Array.from({ length: images }, (_, i) => ({
    id: String(i),
    image: `${i}.jpg`, // never read: the masks are of the CAMs' size
    tags: classesOf(i % own),
    mask: mask(i),
  }))
  const classes = Array.from({ length: CLASSES }, (_, k) => `class ${k}`)
  return {
    dataset: { name: 'made', root: folder, split: 'train', classes, samples, warnings: [] },
    maps,
  }
}

/** One pass over the images with contents of their own; the time of all passes over all images is in proportion. */
async function perThreshold(
  folder: string,
  { width, height, images, own }: Made,
): Promise<(Peer & { close: () => void }) | MissingPeer> {
  const python = findPython('numpy')
  if (python === undefined)
    return {
      missing:
        'give a python with numpy: TAGMASK_TORCH_PYTHON=PYTHON, or apt-get install python3-numpy python3-pil',
    }
  const args = [join(folder, 'theirs'), ...[width, height, own, CLASSES].map(String)]
  const server = await startPython('threshold-sweep.py', { python, args, threads: 1 })
  return {
    name: `numpy ${pythonVersion(python, 'numpy')}, a pass a threshold (one of ${own} images timed)`,
    async run() {
      const { seconds } = await server.run()
      return { seconds: (seconds * THRESHOLDS * images) / own }
    },
    close: server.close,
  }
}
