/** @file The images of a folder and those below it, and warnings about files that are not read. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { listTree } from './file-tree.ts'
import { isPaged, isReadImage, stemOf, unreadFormat } from './image-endings.ts'
import { sample } from './listing.ts'
import { type Fault, FIRST, type Problems } from './problems.ts'

export interface ImageListing {
  /** Paths below the folder with forward slashes, sorted. */
  readonly files: readonly string[]
  /** Images in formats that are not read. */
  readonly unread: readonly string[]
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
}

export interface ImageListingOptions {
  /** The expected content, for messages. */
  readonly expected: string
  /** Paths below the folder that do not belong to it. */
  readonly skip?: (path: string) => boolean
  readonly problems?: Problems
}

/** Throws InputError when there is no folder or no image in it. Two images of one name but for the ending are a fault. */
export async function listImages(
  folder: string,
  { expected, skip, problems = FIRST }: ImageListingOptions,
): Promise<ImageListing> {
  const tree = await listTree(folder, { expected, ...(skip && { skip }) })
  const own = withoutRuns(tree.files)
  const images = own.filter(isReadImage)
  const unread = own.filter(name => unreadFormat(name) !== undefined)
  const others = own.filter(name => !isReadImage(name) && unreadFormat(name) === undefined)
  if (images.length === 0)
    throw new InputError(folder, 'holds no images', {
      expected: [...(unread.length === 0 ? [] : [unreadSentence(unread)]), expected].join('; '),
    })
  const unreadWords =
    unread.length === 0
      ? []
      : problems.doubt('unread-format', `${folder}: ${unreadSentence(unread)}`, () =>
          unread.map(file => ({
            file: join(folder, file),
            problem: `is not read (${unreadFormat(file)})`,
            expected: `convert it to JPEG or PNG${unreadFormat(file) === 'HEIC' ? HOW_HEIC : ''}`,
          })),
        )
  const files = withoutTwins(folder, images, problems)
  const paged = files.filter(isPaged)
  const long = files.filter(file => isShortened(file))
  const notes = [
    ...(others.length === 0
      ? []
      : [
          `${folder}: ${others.length === 1 ? '1 file is no image' : `${others.length} files are no images`}, ignored: ${sample(others)}`,
        ]),
    ...(paged.length === 0
      ? []
      : [
          `${folder}: ${count(paged.length, 'image')} in TIFF or GIF: of several pages or frames the first is read`,
        ]),
    ...(long.length === 0
      ? []
      : [
          `${folder}: ${count(long.length, 'image')} with very long names: their outputs have shortened ones, as ${imageId(long[0]!)}`,
        ]),
  ]
  const leftOut =
    tree.leftOut.length === 0
      ? []
      : problems.doubt(
          'left-out-file',
          `${folder}: ${count(tree.leftOut.length, 'file', 'is')} left out: ${sample(tree.leftOut)}`,
          () => leftOutFaults(folder, tree.leftOut),
        )
  return { files, unread, warnings: [...unreadWords, ...leftOut], notes }
}

/** Without the images of run folders. */
export function withoutRuns(files: readonly string[]): string[] {
  const runs = files.flatMap(file =>
    /\/recipe\.yaml$/.test(file) ? [file.slice(0, -'recipe.yaml'.length)] : [],
  )
  return files.filter(file => !runs.some(run => file.startsWith(run)))
}

const HOW_HEIC = ', as with heif-convert, ImageMagick or the export of a photo program'

/** "2 images are not read (HEIC): a.heic, b.heic; convert them to JPEG or PNG, ..." */
export function unreadSentence(files: readonly string[]): string {
  const formats = [...new Set(files.map(file => unreadFormat(file) ?? ''))].filter(name => name !== '')
  const how = formats.includes('HEIC') ? HOW_HEIC : ''
  return `${count(files.length, 'image', 'is')} not read (${formats.join(', ')}): ${sample(files)}; convert ${files.length === 1 ? 'it' : 'them'} to JPEG or PNG${how}`
}

/** The first of each name. */
function withoutTwins(folder: string, files: readonly string[], problems: Problems): string[] {
  const seen = new Map<string, string>()
  for (const file of files) {
    const twin = seen.get(imageId(file))
    if (twin === undefined) seen.set(imageId(file), file)
    else
      problems.fault(
        'same-name',
        new InputError(join(folder, file), `has the same name as ${twin}`, {
          expected: 'images are told apart by their names without the ending: rename one of them',
        }),
      )
  }
  return [...seen.values()]
}

/** Of "pipe.jpg (a pipe)". */
export function leftOutFaults(folder: string, leftOut: readonly string[]): Fault[] {
  return leftOut.map(entry => {
    const at = entry.lastIndexOf(' (')
    const problem = `is left out: ${entry.slice(at + 2, -1)}`
    return { file: join(folder, entry.slice(0, at)), problem, expected: 'mend it, or take it out' }
  })
}

const MOST_BYTES = 200 // with .safetensors and the name of a temporary file below a file system's 255
const KEPT_BYTES = 180

/** A name for files about the image: sub-folders become part of it, and a long one ends in a hash of the whole. */
export function imageId(file: string): string {
  const whole = stemOf(file).normalize('NFC').replaceAll('/', '__')
  if (Buffer.byteLength(whole) <= MOST_BYTES) return whole
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, 16)
  let kept = ''
  for (const letter of whole) if (Buffer.byteLength(kept + letter) <= KEPT_BYTES) kept += letter
  return `${kept}~${hash}`
}

function isShortened(file: string): boolean {
  return Buffer.byteLength(stemOf(file).normalize('NFC').replaceAll('/', '__')) > MOST_BYTES
}
