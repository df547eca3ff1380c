/** @file Makes the demo data set: a plain folder of tagged images with masks, the same for the same seed. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { DEMO_CLASSES } from './kinds.ts'
import { createRandom } from './random.ts'
import { paintScene, type Scene } from './scene.ts'

/** How to make the set: `images` in split train, `valImages` in split val, all `size` x `size` pixels. */
export interface DemoOptions {
  readonly seed?: number
  readonly images?: number
  readonly valImages?: number
  readonly size?: number
  /** Called after each image, with the number made so far and the number wanted. */
  readonly onProgress?: (made: number, total: number) => void
}

/** Contents of the folder; `made` is false when the set was there already. */
export interface DemoSet {
  readonly root: string
  readonly classes: readonly string[]
  readonly images: number
  readonly made: boolean
}

const VERSION = 1 // raise when an image of a given seed would look different
/** Everything in the folder of a set. */
const MADE = ['images', 'masks', 'tags.csv', 'train.txt', 'val.txt', 'classes.txt', 'demo.json']
const AT_ONCE = 16 // images in encoding at a time

/** Writes `images/`, `masks/`, `tags.csv`, the lists of splits and classes, and `demo.json` into `dir`; a set already there
 * with the same settings is kept. Throws InputError when `dir` holds something else, or for a size below 32. */
export async function generateDemo(
  dir: string,
  { seed = 7, images = 1000, valImages = 100, size = 96, onProgress = () => {} }: DemoOptions = {},
): Promise<DemoSet> {
  if (!(size >= 32 && size <= 1024))
    throw new InputError(dir, `cannot make images of ${size} pixels`, {
      field: 'size',
      expected: '32 to 1024',
    })
  const settings = `${JSON.stringify({ version: VERSION, seed, images, valImages, size, classes: DEMO_CLASSES }, null, 2)}\n`
  const total = images + valImages
  const set = { root: dir, classes: DEMO_CLASSES, images: total }
  if ((await readIfThere(join(dir, 'demo.json'))) === settings) return { ...set, made: false }

  // Made in a temporary folder and renamed when whole: an interrupted run leaves no half set.
  const part = `${dir}.part-${process.pid}-${randomBytes(4).toString('hex')}`
  await mkdir(join(part, 'images'), { recursive: true })
  await mkdir(join(part, 'masks'))
  try {
    const names = Array.from({ length: total }, (_, i) => String(i + 1).padStart(4, '0'))
    const tags: string[] = []
    let made = 0
    for (let start = 0; start < total; start += AT_ONCE) {
      const batch = names.slice(start, start + AT_ONCE).map(async (name, i) => {
        const scene = paintScene(createRandom(seed, start + i), size)
        tags[start + i] = `${name}.jpg,${scene.classes.map(k => DEMO_CLASSES[k]!).join(';')}`
        await writeScene(part, name, scene)
        onProgress(++made, total)
      })
      await Promise.all(batch)
    }
    const list = (from: number, to: number) => `${names.slice(from, to).join('\n')}\n`
    await writeFileAtomic(join(part, 'tags.csv'), `file,tags\n${tags.join('\n')}\n`)
    await writeFileAtomic(join(part, 'train.txt'), list(0, images))
    if (valImages > 0) await writeFileAtomic(join(part, 'val.txt'), list(images, total))
    await writeFileAtomic(join(part, 'classes.txt'), `${DEMO_CLASSES.join('\n')}\n`)
    await writeFileAtomic(join(part, 'demo.json'), settings)
    await replaceSet(part, dir)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return { ...set, made: true }
}

async function writeScene(root: string, name: string, { canvas }: Scene): Promise<void> {
  const { size, rgb, labels } = canvas
  const bytes = new Uint8ClampedArray(rgb.length) // rounds to nearest
  for (let i = 0; i < rgb.length; i++) bytes[i] = rgb[i]! * 255
  const jpeg = await sharp(bytes, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
    .toBuffer()
  await writeFileAtomic(join(root, 'images', `${name}.jpg`), jpeg)
  await writeLabelMap(join(root, 'masks', `${name}.png`), { width: size, height: size, data: labels })
}

/** Puts the new set in place; only an older demo set without other files is replaced. */
async function replaceSet(part: string, dir: string): Promise<void> {
  if (await isDemoSet(dir)) await rm(dir, { recursive: true })
  try {
    await rename(part, dir)
  } catch (cause) {
    throw new InputError(dir, 'is in the way and is not a demo data set', {
      expected: 'choose another folder',
      cause,
    })
  }
}

/** Whether the folder holds only files written here. */
async function isDemoSet(dir: string): Promise<boolean> {
  const text = await readIfThere(join(dir, 'demo.json'))
  const ours = text?.startsWith('{\n  "version": ') === true && /"val(Images|Pictures)": /.test(text)
  if (!ours) return false
  const made = new Set(MADE)
  const [top, images, masks] = await Promise.all([dir, join(dir, 'images'), join(dir, 'masks')].map(namesIn))
  return (
    top!.every(name => made.has(name)) &&
    images!.every(name => /^\d{4,}\.jpg$/.test(name)) &&
    masks!.every(name => /^\d{4,}\.png$/.test(name))
  )
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}
