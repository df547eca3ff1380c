/** @file par, par/one-thread: pixel-adaptive refinement beside the authors' module in PyTorch. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parMasks } from '../../src/refine/par/kernel.ts'
import { PAR } from '../../src/refine/par/parameters.ts'
import { threads } from '../../src/torch/index.ts'
import { largestDifference } from '../difference.ts'
import { memoryFloor } from '../floors.ts'
import { blobs, photograph } from '../made-images.ts'
import type { Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { authorsPeer } from '../torch-peers.ts'

const CHANNELS = 21

export const pars: readonly Row[] = [parRow({ oneThread: false }), parRow({ oneThread: true })]

function parRow({ oneThread }: { oneThread: boolean }): Row {
  return {
    name: oneThread ? 'par/one-thread' : 'par/all-threads',
    title: `PAR, 512 x 512 pixels, ${CHANNELS} masks, ${PAR.iterations} iterations, ${oneThread ? 'one thread' : 'all threads'}`,
    unit: 'images/s',
    async prepare(conditions) {
      const folder = temporaryFolder()
      const side = conditions.quick ? 64 : 512
      const size = { width: side, height: side }
      const [image, masks] = [planesOf(photograph(size).data), blobs(CHANNELS, size)]
      writeFileSync(join(folder.path, 'image'), image)
      writeFileSync(join(folder.path, 'masks'), masks)
      const count = oneThread ? 1 : threads()
      const shape = [side, CHANNELS, PAR.iterations].map(String)
      const args = [folder.path, ...shape, PAR.dilations.join()]
      const peer = await authorsPeer(
        { method: 'afa', script: 'par.py', args },
        { ...conditions, device: 'cpu', threads: count },
      )
      let refined: Float32Array = new Float32Array()
      return {
        amount: 1,
        async ours() {
          refined = await parMasks({ ...size, image, masks, threads: count })
        },
        memory: 'call',
        peer:
          'server' in peer
            ? {
                ...peer,
                difference: () => largestDifference(refined, { server: peer.server, folder: folder.path }),
              }
            : peer,
        // each iteration reads the weights of 48 neighbours and the masks, and writes the masks
        floor: memoryFloor(PAR.iterations * 4 * side * side * (8 * PAR.dilations.length + 2 * CHANNELS)),
        close() {
          if ('close' in peer) peer.close()
          folder.remove()
        },
      }
    },
  }
}

/** [height, width, 3] of bytes to [3, height, width] in [0, 1]. */
function planesOf(data: Uint8Array): Float32Array {
  const pixels = data.length / 3
  return Float32Array.from(data, (_, i) => data[3 * (i % pixels) + Math.floor(i / pixels)]! / 255)
}
