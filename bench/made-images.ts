/** @file Pictures, scores and tagged folders that a seed makes, so that every machine measures the same. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import sharp from 'sharp'
import type { RgbImage } from '../src/io/image.ts'
import { writeLabelMap } from '../src/io/indexed-png.ts'

export interface Size {
  readonly width: number
  readonly height: number
}

/** Uniform in [0, 1). */
export function uniform(seed: number): () => number {
  const random = xoroshiro128plus(seed)
  return () => (random.next() >>> 0) / 2 ** 32
}

/** Soft shapes on a ground, grained like a photograph: [height, width, 3]. */
export function photograph({ width, height }: Size, seed = 1): RgbImage {
  const random = uniform(seed)
  const waves = Array.from(
    { length: 16 },
    () => [random() / 25, random() / 25, random() * 7, random() * 3] as const,
  )
  const data = new Uint8Array(3 * width * height)
  for (let i = 0; i < data.length; i++) {
    const [x, y, channel] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3]
    let shade = 0
    for (const [u, v, phase, tint] of waves) shade += Math.sin(u * x + v * y + phase + tint * channel)
    data[i] = Math.max(0, Math.min(255, 120 + 27 * shade + 24 * (random() - 0.5)))
  }
  return { width, height, data }
}

/** One soft blob in [0, 1] a plane: [count, height, width]. */
export function blobs(count: number, { width, height }: Size, seed = count): Float32Array {
  const random = uniform(seed)
  const planes = new Float32Array(count * width * height)
  for (let plane = 0; plane < count; plane++) {
    const [cx, cy, r] = [
      random() * width,
      random() * height,
      (0.1 + 0.2 * random()) * Math.min(width, height),
    ]
    const start = plane * width * height
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        planes[start + y * width + x] = Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
  }
  return planes
}

/** Softmax of a blob a label with noise: [labels, height, width]. */
export function labelScores(labels: number, size: Size): Float32Array {
  const random = uniform(labels)
  const scores = blobs(labels, size).map(value => Math.exp(4 * value + random()))
  const pixels = size.width * size.height
  for (let p = 0; p < pixels; p++) {
    let sum = 0
    for (let at = p; at < scores.length; at += pixels) sum += scores[at]!
    for (let at = p; at < scores.length; at += pixels) scores[at] = scores[at]! / sum
  }
  return scores
}

const KINDS = ['boat', 'cat', 'tree']

/** Writes a folder of tagged images with masks: images/*.jpg, masks/*.png, tags.csv. */
export async function writeTaggedFolder(
  folder: string,
  { images, ...size }: Size & { readonly images: number },
): Promise<void> {
  await mkdir(join(folder, 'images'), { recursive: true })
  await mkdir(join(folder, 'masks'))
  const rows = ['file,tags']
  for (let i = 0; i < images; i++) {
    const [name, kind] = [`image-${i}`, i % KINDS.length]
    const { data, ...raw } = photograph(size, i + 1)
    const jpeg = sharp(data, { raw: { ...raw, channels: 3 } }).jpeg({ quality: 90 })
    await writeFile(join(folder, 'images', `${name}.jpg`), await jpeg.toBuffer())
    const labels = Uint8Array.from(blobs(1, size, i + 1), value => (value > 0.5 ? kind + 1 : 0))
    await writeLabelMap(join(folder, 'masks', `${name}.png`), { ...size, data: labels })
    rows.push(`${name}.jpg,${KINDS[kind]}`)
  }
  await writeFile(join(folder, 'tags.csv'), `${rows.join('\n')}\n`)
}
