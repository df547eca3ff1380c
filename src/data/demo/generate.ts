/** @file Makes the demo data set: a plain folder of tagged images with masks, the same for the same seed. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { loadSharp } from '../../io/sharp.ts'
import { defaultThreads } from '../../io/thread-count.ts'
import { workerUrl } from '../../io/worker-url.ts'
import { inputError } from '../loader-protocol.ts'
import { openWorkerPool } from '../worker-pool.ts'
import { DEMO_CLASSES } from './kinds.ts'
import { type DemoFolder, type ImagesReply, nameOf, writeImage } from './write-image.ts'

/** How to make the set: `images` in split train, `valImages` in split val, all `size` x `size` pixels. */
export interface DemoOptions {
  readonly seed?: number
  readonly images?: number
  readonly valImages?: number
  readonly size?: number
  /** Called after some images, with the number made so far and the number wanted. */
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
const AT_ONCE = 16 // images of a thread at a time
const FEW = 64 // images that are there before a thread has started

/** Writes `images/`, `masks/`, `tags.csv`, the lists of splits and classes, and `demo.json` into `dir`; a set already there
 * with the same settings is kept. Throws InputError when `dir` holds something else, or for a size below 32. */
export async function generateDemo(
  dir: string,
  { seed = 7, images = 1000, valImages = 100, size = 96, onProgress = () => {} }: DemoOptions = {},
): Promise<DemoSet> {
  if (!(Number.isInteger(size) && size >= 32 && size <= 1024))
    throw new InputError(dir, `cannot make images of ${size} pixels`, {
      field: 'size',
      expected: 'a whole number from 32 to 1024',
    })
  const settings = `${JSON.stringify({ version: VERSION, seed, images, valImages, size, classes: DEMO_CLASSES }, null, 2)}\n`
  const total = images + valImages
  const set = { root: dir, classes: DEMO_CLASSES, images: total }
  if ((await readIfThere(join(dir, 'demo.json'))) === settings) return { ...set, made: false }

  loadSharp() // before there is a folder
  // Made in a temporary folder and renamed when whole: an interrupted run leaves no half set.
  const part = `${dir}.part-${process.pid}-${randomBytes(4).toString('hex')}`
  await mkdir(join(part, 'images'), { recursive: true })
  await mkdir(join(part, 'masks'))
  try {
    const numbers = Array.from({ length: total }, (_, i) => i)
    const names = numbers.map(nameOf)
    const classes = await writeImages({ root: part, seed, size }, numbers, made => onProgress(made, total))
    const tags = classes.map(
      (visible, i) => `${names[i]}.jpg,${visible.map(k => DEMO_CLASSES[k]!).join(';')}`,
    )
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

/** Writes the images, many on threads of their own; the classes of each. */
async function writeImages(
  folder: DemoFolder,
  numbers: readonly number[],
  onMade: (made: number) => void,
): Promise<(readonly number[])[]> {
  const classes: (readonly number[])[] = []
  const parts = Array.from({ length: Math.ceil(numbers.length / AT_ONCE) }, (_, i) =>
    numbers.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  )
  let made = 0
  const take = async (make: (part: readonly number[]) => Promise<readonly (readonly number[])[]>) => {
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      for (const [i, seen] of (await make(part)).entries()) classes[part[i]!] = seen
      made += part.length
      onMade(made)
    }
  }
  if (numbers.length <= FEW) {
    await take(part => Promise.all(part.map(number => writeImage(folder, number))))
    return classes
  }
  const size = Math.min(defaultThreads(), parts.length)
  const pool = openWorkerPool<readonly number[], ImagesReply>(workerUrl(import.meta.url, 'image-worker'), {
    size,
    job: folder,
    nameOf: ([first]) => `image ${nameOf(first!)} of the demo`,
  })
  const ask = async (thread: number, part: readonly number[]) => {
    const reply = await pool.run(thread, part)
    if ('bad' in reply) throw inputError(reply.bad)
    return reply.classes
  }
  try {
    await Promise.all(Array.from({ length: size }, (_, i) => take(part => ask(i, part))))
  } finally {
    await pool.close()
  }
  return classes
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
