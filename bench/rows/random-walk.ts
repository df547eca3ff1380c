/** @file random-walk/ROWS: scores spread over the pairs of positions, beside the matrix of all pairs in PyTorch (infer_aff.py). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pairOffsets, pairStarts } from '../../src/refine/affinity/pairs.ts'
import { randomWalk } from '../../src/refine/affinity/random-walk.ts'
import { largestDifference } from '../difference.ts'
import { uniform } from '../made-images.ts'
import type { Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { torchPeer } from '../torch-peers.ts'

export const randomWalks: readonly Row[] = [walkRow(3), walkRow(21)]

function walkRow(rows: number): Row {
  return {
    name: `random-walk/${rows}`,
    title: `random walk, 375 x 500 pixels at stride 8, radius 5, 64 steps, ${rows} rows of scores`,
    unit: 'images/s',
    async prepare(conditions) {
      const folder = temporaryFolder()
      const grid = conditions.quick ? { rows: 12, columns: 16 } : { rows: 47, columns: 63 }
      const area = grid.rows * grid.columns
      const random = uniform(rows)
      const planes = Float32Array.from({ length: pairOffsets().length * area }, () => 0.3 + 0.7 * random())
      const scores = Float32Array.from({ length: rows * area }, random)
      writePairs(folder.path, planes, grid)
      writeFileSync(join(folder.path, 'scores'), scores)
      const peer = await torchPeer('random-walk.py', [folder.path, String(area), String(rows)], conditions)
      let walked: Float32Array = new Float32Array()
      return {
        amount: 1,
        ours() {
          walked = randomWalk(scores, planes, grid)
        },
        memory: 'call',
        peer:
          'server' in peer
            ? {
                ...peer,
                difference: () => largestDifference(walked, { server: peer.server, folder: folder.path }),
              }
            : peer,
        close() {
          if ('close' in peer) peer.close()
          folder.remove()
        },
      }
    },
  }
}

/** Both positions of each pair, and its affinity. */
function writePairs(folder: string, planes: Float32Array, grid: { rows: number; columns: number }): void {
  const area = grid.rows * grid.columns
  const pairs = pairOffsets().flatMap((offset, plane) => {
    const { top, left, rows, columns } = pairStarts(grid, offset)
    return Array.from({ length: rows * columns }, (_, i) => {
      const from = (top + Math.floor(i / columns)) * grid.columns + left + (i % columns)
      return { from, to: from + offset.dy * grid.columns + offset.dx, affinity: planes[plane * area + from]! }
    })
  })
  const ends = [...pairs.map(({ from }) => from), ...pairs.map(({ to }) => to)]
  writeFileSync(join(folder, 'ends'), BigInt64Array.from(ends, BigInt))
  writeFileSync(
    join(folder, 'pairs'),
    Float32Array.from(pairs, ({ affinity }) => affinity),
  )
}
