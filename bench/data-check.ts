/**
 * @file `data check` beside a bare sharp decode of the same files to raw pixels, at the same concurrency, interleaved. Each round is in
 * both orders of the two. Run: node dist/bench/data-check.js [DATA] [ROUNDS] (default ../shared/data/voc-mini, 5)
 */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import sharp from 'sharp'
import { listSplits, openDataset } from '../src/data/dataset.ts'
import { checkData } from '../src/pipeline/check/check-data.ts'
import { inParallel } from '../src/pipeline/images/in-parallel.ts'
import { median } from './python-server.ts'

const [root = '../shared/data/voc-mini', rounds = '5'] = process.argv.slice(2)
const atOnce = 2 * availableParallelism()

const splits = await listSplits(root)
const sets = await Promise.all(
  (splits.length === 0 ? ['train'] : splits).map(split => openDataset(root, { split })),
)
const samples = [...new Map(sets.flatMap(set => set.samples).map(one => [one.image, one])).values()]
const images = samples.map(({ image }) => image)
const masks = samples.flatMap(({ mask }) => mask ?? [])

async function decode(files: readonly string[]): Promise<void> {
  await inParallel(
    files,
    async file => {
      await sharp(await readFile(file), { failOn: 'error', limitInputPixels: false })
        .raw()
        .toBuffer()
    },
    { atOnce },
  )
}

/** Seconds, and those of the processor. */
async function timed(work: () => Promise<unknown>): Promise<{ wall: number; cpu: number }> {
  const [began, used] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(used)
  return { wall: (performance.now() - began) / 1e3, cpu: (user + system) / 1e6 }
}

const works = {
  images: () => decode(images),
  'images and masks': () => decode([...images, ...masks]),
  'data check': () => checkData(resolve(root)),
}
type Name = keyof typeof works
const names = Object.keys(works) as Name[]
const wall: Record<Name, number[]> = { images: [], 'images and masks': [], 'data check': [] }
const cpu: Record<Name, number[]> = { images: [], 'images and masks': [], 'data check': [] }

await decode(images) // files into the system's cache
for (let round = 0; round < Number(rounds); round++)
  for (const name of round % 2 === 0 ? names : names.toReversed()) {
    const time = await timed(works[name])
    wall[name].push(time.wall)
    cpu[name].push(time.cpu)
  }

console.log(`${images.length} images, ${masks.length} masks, ${atOnce} at once; medians of ${rounds} rounds`)
for (const name of names)
  console.log(
    `${name.padEnd(17)} ${median(wall[name]).toFixed(2)} s, ${(images.length / median(wall[name])).toFixed(0)} images/s, ${median(cpu[name]).toFixed(2)} s of processor`,
  )
for (const name of ['images', 'images and masks'] as const) {
  const ratios = wall[name].map((time, i) => time / wall['data check'][i]!)
  const ofCpu = cpu[name].map((time, i) => time / cpu['data check'][i]!)
  console.log(
    `rate of data check over a bare decode of ${name}: ${median(ratios).toFixed(2)} (processor time ${median(ofCpu).toFixed(2)})`,
  )
}
