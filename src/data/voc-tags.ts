/** @file The tags of VOC's layout, from tags.csv, cls_labels.npy or the annotations, and the classes when they are not VOC's. */
import { basename, join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { nearestName } from '../nearest-name.ts'
import type { ImageNames } from './image-names.ts'
import { imageStem, isFile, isFolder, preferJpeg } from './image-path.ts'
import { listFolder, readText, sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { readTagFile, readTagsOf, type TagFile, tagFileOf } from './tag-file.ts'
import { uniteRows } from './tag-rows.ts'
import { foldWord } from './tag-words.ts'
import { keywordRows } from './tags/keywords.ts'
import { LABEL_ARRAYS } from './tags/label-arrays.ts'
import { type TagSource, tagSourceFile } from './tags/tag-options.ts'
import { annotatedClasses } from './voc-annotation.ts'
import { type Entry, IMAGES, SPLITS } from './voc-list.ts'

/** Tags of an image; `where` names the place in the file. */
export interface VocTags {
  readonly names: readonly string[]
  readonly file: string
  readonly where: string
}

export interface VocTagSource {
  /** By id. */
  readonly tags: ReadonlyMap<string, VocTags>
  /** Those of the other splits, too. */
  readonly all: () => Promise<readonly VocTags[]>
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
  /** The file, if it is one. */
  readonly path?: string
  /** The tags are to be read from the masks. */
  readonly isMasks?: boolean
}

export const MASK_FOLDERS = ['SegmentationClassAug', 'SegmentationClass'] as const
const TOGETHER = 64 // annotations read at the same time

export interface VocTagOptions {
  readonly names: ImageNames
  /** Paths of the images. */
  readonly files: readonly string[]
  /** Classes in order. */
  readonly known: readonly string[]
  /** Where the tags come from. */
  readonly tags: TagSource
  readonly problems?: Problems
}

/** One of the places that tags may come from; `read` gives undefined when it is not there. */
interface Place {
  readonly called: string
  readonly read: () => Promise<VocTagSource | undefined>
}

/**
 * The tags of the source; of `auto` the first of a tag file, cls_labels.npy and Annotations/ that is there, and how many images
 * the others differ on. From masks there are none yet (`fromMasks`). Throws InputError when there are no tags at all; rows of
 * absent images and annotations that are cut short are faults.
 */
export async function readVocTags(
  root: string,
  entries: readonly Entry[],
  options: VocTagOptions,
): Promise<VocTagSource> {
  const { names, files, known, tags, problems = FIRST } = options
  const exists = (name: string): boolean => {
    const { file, twins } = names.find(name)
    return file !== undefined || twins.length > 0
  }
  const isImage = (name: string): boolean => exists(name) || imageStem(name) !== name
  const reading = { files, exists, isImage, known, problems }
  const table = async (file: TagFile | undefined, own = problems): Promise<VocTagSource | undefined> =>
    file === undefined
      ? undefined
      : { ...fromTable(file, entries, { names, problems: own }), path: file.path }
  const array = await findLabelArray(root)
  const placesOf = (own: Problems): readonly Place[] => {
    const reads = { ...reading, problems: own }
    return [
      { called: 'the tag file', read: async () => table(await readTagFile(root, reads), own) },
      {
        called: array ?? '',
        read: async () =>
          array === undefined ? undefined : table(await readTagsOf(join(root, array), reads), own),
      },
      { called: 'Annotations/', read: () => fromAnnotations(root, entries, own) },
    ]
  }
  const places = placesOf(problems)
  const compared = placesOf(FIRST) // nothing is left out of what is not used
  const file = tagSourceFile(tags, root)
  if (file !== undefined) {
    const own = (await table(await readTagsOf(file, reading)))!
    return withOthers({ called: file, source: own }, [compared[2]!], entries)
  }
  if (tags === 'masks') return fromMasks()
  if (tags === 'annotations') {
    const own = await places[2]!.read()
    if (own === undefined)
      throw new InputError(root, 'has no Annotations/', {
        field: 'data.tags',
        expected: 'auto, masks, or a file of tags',
      })
    return withOthers({ called: 'Annotations/', source: own }, compared.slice(0, 2), entries)
  }
  if (tags === 'keywords') {
    const folder = join(root, IMAGES)
    const rows = await keywordRows(folder, files, { problems })
    return (await table(tagFileOf(folder, rows, { known, problems })))!
  }
  for (const [i, { called, read }] of places.entries()) {
    const source = await read()
    if (source !== undefined) return withOthers({ called, source }, compared.slice(i + 1), entries)
  }
  if (await hasMasks(root)) return fromMasks()
  throw new InputError(root, 'has neither tags.csv, cls_labels.npy, Annotations/ nor masks', {
    expected: 'the tags must come from one of them',
  })
}

/** Path of a published label file below the root. */
async function findLabelArray(root: string): Promise<string | undefined> {
  for (const folder of ['', SPLITS, 'ImageSets'])
    for (const name of LABEL_ARRAYS) if (await isFile(join(root, folder, name))) return join(folder, name)
  return undefined
}

async function hasMasks(root: string): Promise<boolean> {
  const found = await Promise.all(MASK_FOLDERS.map(folder => isFolder(join(root, folder))))
  return found.some(Boolean)
}

function fromMasks(): VocTagSource {
  return { tags: new Map(), all: async () => [], warnings: [], notes: [], isMasks: true }
}

/** With a note that names the source, and one for each other that has other tags, or cannot be read. */
async function withOthers(
  { called, source }: { called: string; source: VocTagSource },
  others: readonly Place[],
  entries: readonly Entry[],
): Promise<VocTagSource> {
  const notes: string[] = []
  for (const other of others) {
    const second = await other.read().catch((error: unknown) => {
      if (error instanceof InputError) return error
      throw error
    })
    if (second === undefined) continue
    if (second instanceof InputError) {
      notes.push(`${other.called} is not compared with it: ${second.message}`)
      continue
    }
    const both = entries.filter(({ id }) => source.tags.has(id) && second.tags.has(id))
    const differing = both.filter(({ id }) => keyOf(source.tags.get(id)!) !== keyOf(second.tags.get(id)!))
    notes.push(
      `${other.called} also has tags, ${differing.length === 0 ? `the same for all ${both.length} images` : `others for ${differing.length} of ${both.length} images: ${sample(differing.map(({ id }) => id))}`}`,
    )
  }
  const name = source.path === undefined ? called : basename(source.path)
  return {
    ...source,
    notes: [...source.notes, ...(notes.length === 0 ? [] : [`the tags are those of ${name}`]), ...notes],
  }
}

function keyOf({ names }: VocTags): string {
  return [...new Set(names.map(foldWord))].sort().join('\n')
}

function fromTable(
  file: TagFile,
  entries: readonly Entry[],
  { names, problems }: { names: ImageNames; problems: Problems },
): VocTagSource {
  const rows = [...file.rows.values()].map(row => ({ row, ...preferJpeg(names.find(row.file)) }))
  for (const { row, twins } of rows)
    if (twins.length > 0)
      problems.fault(
        'unclear-name',
        new InputError(file.path, `"${row.file}" may be ${twins.join(' or ')}`, {
          field: row.where,
          expected: 'write the name with its ending',
        }),
      )
  const absent = rows.filter(row => row.file === undefined && row.twins.length === 0).map(({ row }) => row)
  if (absent.length > 0)
    problems.fault(
      'absent-image',
      new InputError(
        file.path,
        `names ${count(absent.length, 'absent image')}: ${sample(absent.map(row => row.file))}`,
        { expected: `every row must name an image in ${IMAGES}/` },
      ),
      absent.map(row => ({
        file: file.path,
        field: row.where,
        problem: `names ${row.file}, which is not in ${IMAGES}/`,
        expected: 'add the image, correct the name, or take the row out',
      })),
    )
  const imageOf = new Map(
    rows.flatMap(({ row, file: image }) => (image === undefined ? [] : [[row, image] as const])),
  )
  const united = uniteRows(file.path, [...imageOf.keys()], {
    exclusive: file.exclusive,
    imageOf: row => imageOf.get(row)!,
    problems,
  })
  const tags = new Map<string, VocTags>()
  const without: string[] = []
  for (const { id, image } of entries) {
    const row = united.rows.get(image.replace(`${IMAGES}/`, ''))
    if (row === undefined) without.push(id)
    else tags.set(id, { names: row.tags, file: file.path, where: row.where })
  }
  const warnings = [...file.warnings, ...united.warnings]
  if (without.length > 0)
    warnings.push(
      ...problems.doubt(
        'untagged',
        `${count(without.length, 'image', 'has')} no row in ${basename(file.path)}: ${sample(without)}`,
        () => [], // they are named as untagged
      ),
    )
  return {
    tags,
    all: async () =>
      [...united.rows.values()].map(row => ({ names: row.tags, file: file.path, where: row.where })),
    warnings,
    notes: [...file.notes, ...united.notes],
  }
}

async function fromAnnotations(
  root: string,
  entries: readonly Entry[],
  problems: Problems,
): Promise<VocTagSource | undefined> {
  const folder = join(root, 'Annotations')
  if (!(await isFolder(folder))) return undefined
  const pathOf = ({ image }: Entry): string =>
    join(folder, `${imageStem(image.replace(`${IMAGES}/`, ''))}.xml`)
  const read = await readAnnotations(entries.map(pathOf), problems)
  const tags = new Map<string, VocTags>()
  const without: string[] = []
  for (const [i, { id }] of entries.entries()) {
    const found = read[i]
    if (found === undefined) without.push(id)
    else tags.set(id, found)
  }
  const warnings =
    without.length === 0
      ? []
      : problems.doubt(
          'untagged',
          `${count(without.length, 'image', 'has')} no annotation: ${sample(without)}`,
          () => [], // they are named as untagged
        )
  const all = async (): Promise<VocTags[]> => {
    const names = (await listFolder(folder)).filter(name => name.toLowerCase().endsWith('.xml'))
    return (
      await readAnnotations(
        names.map(name => join(folder, name)),
        problems,
      )
    ).filter(row => row !== undefined)
  }
  return { tags, all, warnings, notes: [] }
}

/** In the order of the paths; undefined where there is no file. One that is cut short is a fault. */
async function readAnnotations(
  paths: readonly string[],
  problems: Problems,
): Promise<(VocTags | undefined)[]> {
  const read: (VocTags | undefined)[] = []
  for (let first = 0; first < paths.length; first += TOGETHER)
    read.push(
      ...(await Promise.all(
        paths.slice(first, first + TOGETHER).map(async path => {
          const xml = await readText(path)
          return xml === undefined
            ? undefined
            : { names: annotatedClasses(xml, path, problems), file: path, where: 'object' }
        }),
      )),
    )
  return read
}

/**
 * VOC's classes, or the sorted tags when none is VOC's. It is a fault when only some are; each row with such a class is one.
 */
export async function chooseVocClasses(
  source: VocTagSource,
  voc: readonly string[],
  problems: Problems = FIRST,
): Promise<{ names: readonly string[]; words: string[] }> {
  const isKnown = (name: string): boolean => voc.includes(name) || voc.includes(name.toLowerCase())
  const foreign = (rows: Iterable<VocTags>): Map<string, VocTags> =>
    new Map([...rows].flatMap(row => row.names.filter(name => !isKnown(name)).map(name => [name, row])))
  const strange = foreign(source.tags.values())
  if (strange.size === 0) return { names: voc, words: [] }
  const rows = await source.all()
  const known = [...new Set(rows.flatMap(({ names }) => names.filter(isKnown)))]
  const spellings = new Map([...foreign(rows).keys()].sort().map(name => [foldWord(name), name]))
  const others = [...spellings.values()].sort() // spellings in other case are one class, in lower case if that occurs
  const slips = others.filter(name => nearestName(name, voc) !== undefined)
  if (known.length === 0 && 2 * slips.length < others.length)
    return {
      names: others,
      words: [`no tag is one of VOC's 20 classes: the classes are the tags, sorted: ${sample(others, 10)}`],
    }
  const [name, row] = [...strange][0]!
  const near = nearestName(name, voc)
  const hint = near === undefined ? `it is none of VOC's 20 classes.` : `did you mean "${near}"?`
  problems.fault(
    'unknown-class',
    new InputError(row.file, `unknown class "${name}"`, {
      field: row.where,
      expected: `${hint} If the classes are your own, list them in classes.txt, one a line`,
    }),
    [], // the rows are named when their classes are looked up
  )
  return { names: voc, words: [] }
}
