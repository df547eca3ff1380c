/**
 * @file Reading an 88 MB checkpoint beside reading its bytes: a zip .pth, a legacy .pth and safetensors of DeiT-S's shapes.
 * Run: node dist/bench/read-weights.js ; both from the page cache, in turn, the median of ROUNDS.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readWhole } from '../src/io/read-range.ts'
import { writeSafetensors } from '../src/io/safetensors.ts'
import { fromFloat32, type TensorData } from '../src/io/tensor-data.ts'
import { readWeights } from '../src/io/weights.ts'
import { legacyCheckpoint, zipCheckpoint } from '../test/checkpoints.ts'
import { median } from './python-server.ts'

const ROUNDS = 15

const folder = mkdtempSync(join(tmpdir(), 'tagmask-read-'))
try {
  const weights = deitSmall()
  const files = { zip: join(folder, 'zip.pth'), legacy: join(folder, 'legacy.pth') }
  writeFileSync(files.zip, zipCheckpoint(weights))
  writeFileSync(files.legacy, legacyCheckpoint(weights))
  const safetensors = join(folder, 'deit.safetensors')
  await writeSafetensors(safetensors, weights)
  for (const [name, file] of Object.entries({ ...files, safetensors })) await measure(name, file)
} finally {
  rmSync(folder, { recursive: true })
}

interface Times {
  readonly wall: number[]
  /** Of all threads. */
  readonly cpu: number[]
}

async function measure(name: string, file: string): Promise<void> {
  const [bytes, weights]: Times[] = [
    { wall: [], cpu: [] },
    { wall: [], cpu: [] },
  ]
  for (let round = 0; round < ROUNDS; round++) {
    await time(bytes!, () => readWhole(file))
    await time(weights!, () => readWeights(file))
  }
  const [ratio, least] = [median, (values: number[]) => Math.min(...values)].map(
    pick => (of: keyof Times) => pick(weights![of]) / pick(bytes![of]),
  ) as [(of: keyof Times) => number, (of: keyof Times) => number]
  const milliseconds = ({ wall, cpu }: Times): string =>
    `${median(wall).toFixed(0)} ms (processor ${median(cpu).toFixed(0)})`
  console.log(
    `${name.padEnd(12)}${(statSync(file).size / 1e6).toFixed(1)} MB: bytes ${milliseconds(bytes!)}, weights ${milliseconds(weights!)}: ` +
      `${ratio('wall').toFixed(2)} times (of the fastest ${least('wall').toFixed(2)}; processor ${ratio('cpu').toFixed(2)})`,
  )
}

async function time({ wall, cpu }: Times, run: () => Promise<unknown>): Promise<void> {
  const [begin, before] = [performance.now(), process.cpuUsage()]
  await run()
  const { user, system } = process.cpuUsage(before)
  wall.push(performance.now() - begin)
  cpu.push((user + system) / 1000)
}

/** Names and shapes of a DeiT-S, values that are no zeros. */
function deitSmall(): Map<string, TensorData> {
  const [width, weights] = [384, new Map<string, TensorData>()]
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
