/** @file dense-crf/LABELS: a batch on all threads, as stages refine. dense-crf/LABELS-one-thread: an image. Beside pydensecrf, which has one. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unaryFromScores } from '../../src/refine/crf-unary.ts'
import { denseCrf, denseCrfBatch } from '../../src/refine/dense-crf.ts'
import { threads } from '../../src/torch/index.ts'
import { largestDifference } from '../difference.ts'
import { labelScores, photograph } from '../made-images.ts'
import { findPython, startPython } from '../python-server.ts'
import type { Conditions, MissingPeer, Peer, Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const BATCH = 8
const PYTHON = 'TAGMASK_PYDENSECRF'

export const denseCrfs: readonly Row[] = [2, 5, 21].flatMap(labels => [
  crfRow(labels, { oneThread: false }),
  crfRow(labels, { oneThread: true }),
])

function crfRow(labels: number, { oneThread }: { oneThread: boolean }): Row {
  return {
    name: `dense-crf/${labels}${oneThread ? '-one-thread' : ''}`,
    title: `dense CRF, 375 x 500 pixels, ${labels} labels, 10 iterations, ${oneThread ? 'one thread' : `${BATCH} images on all threads`}`,
    unit: 'images/s',
    async prepare({ quick }: Conditions) {
      const folder = temporaryFolder()
      const size = quick ? { width: 64, height: 48 } : { width: 500, height: 375 }
      const [image, scores] = [photograph(size), labelScores(labels, size)]
      const one = { image, unary: unaryFromScores(scores) }
      const images = oneThread ? 1 : BATCH
      let refined: Float32Array = new Float32Array()
      const ours = async (): Promise<void> => {
        refined = oneThread
          ? await denseCrf({ ...one, threads: 1 })
          : (await denseCrfBatch(new Array(BATCH).fill(one), { threads: threads() }))[0]!
      }
      writeFileSync(join(folder.path, 'image'), image.data)
      writeFileSync(join(folder.path, 'scores'), scores)
      const args = [folder.path, String(size.width), String(size.height), String(labels)]
      const peer = await pydensecrf(args, { images, refined: () => refined, folder: folder.path })
      const close = (): void => {
        if ('close' in peer) peer.close()
        folder.remove()
      }
      return { amount: images, ours, peer, close }
    },
  }
}

async function pydensecrf(
  args: readonly string[],
  { images, refined, folder }: { images: number; refined: () => Float32Array; folder: string },
): Promise<(Peer & { close: () => void }) | MissingPeer> {
  const python = findPython('pydensecrf.densecrf', PYTHON)
  if (python === undefined) return { missing: `give a python with pydensecrf: ${PYTHON}=PYTHON` }
  const server = await startPython('dense-crf.py', { python, args, threads: 1 })
  return {
    name: 'pydensecrf',
    async run() {
      const { seconds } = await server.run()
      return { seconds: images * seconds }
    },
    difference: () => largestDifference(refined(), { server, folder }),
    close: server.close,
  }
}
