/** @file The tags of VOC's layout, from tags.csv or the annotations, and the classes that they make when VOC's do not fit. */
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { InputError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { type FileNames, stemOf } from './file-names.ts'
import { listFolder, picturesHave, readText, sample } from './listing.ts'
import { readTagFile, type TagFile } from './tag-file.ts'
import { annotatedClasses } from './voc-annotation.ts'
import type { Entry } from './voc-list.ts'

/** What an image is tagged with; `where` names the place in the file. */
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
}

const TOGETHER = 64 // annotations read at the same time

/** Throws InputError when there are no tags at all, rows name absent images, or an annotation is cut short. */
export async function readVocTags(
  root: string,
  entries: readonly Entry[],
  files: FileNames,
): Promise<VocTagSource> {
  const file = await readTagFile(root)
  return file === undefined ? fromAnnotations(root, entries) : fromTable(file, entries, files)
}

async function fromTable(file: TagFile, entries: readonly Entry[], files: FileNames): Promise<VocTagSource> {
  const byImage = new Map<string, VocTags>()
  const absent: string[] = []
  for (const row of file.rows.values()) {
    const name = row.file.replace(/^.*JPEGImages\//, '')
    const found = files.find(name)
    if (found.length > 1)
      throw new InputError(file.path, `"${row.file}" may be ${found.join(' or ')}`, {
        field: row.where,
        expected: 'write the name with its ending',
      })
    const [image] = found
    if (image === undefined) {
      absent.push(row.file)
      continue
    }
    const known = byImage.get(image)
    const same = known === undefined || [...known.names].sort().join('\n') === [...row.tags].sort().join('\n')
    if (!same)
      throw new InputError(
        file.path,
        `${row.file} is ${image}, which stands at ${known.where} with other tags`,
        {
          field: row.where,
          expected: 'give each image one row',
        },
      )
    byImage.set(image, { names: row.tags, file: file.path, where: row.where })
  }
  if (absent.length > 0)
    throw new InputError(file.path, `names ${absent.length} absent pictures: ${sample(absent)}`, {
      expected: 'every row must name a picture in JPEGImages/',
    })
  const pairs = entries.map(({ id, image }) => ({ id, row: byImage.get(image.replace(/^JPEGImages\//, '')) }))
  const without = pairs.filter(({ row }) => row === undefined).map(({ id }) => id)
  const warnings = [...file.warnings]
  if (without.length > 0)
    warnings.push(`${picturesHave(without.length)} no row in ${basename(file.path)}: ${sample(without)}`)
  return {
    tags: new Map(pairs.flatMap(({ id, row }) => (row === undefined ? [] : [[id, row] as const]))),
    all: async () => [...byImage.values()],
    warnings,
  }
}

async function fromAnnotations(root: string, entries: readonly Entry[]): Promise<VocTagSource> {
  const folder = join(root, 'Annotations')
  if (!(await isFolder(folder)))
    throw new InputError(root, 'has neither tags.csv nor Annotations/', {
      expected: 'the tags must come from one of them',
    })
  const pathOf = ({ image }: Entry): string =>
    join(folder, `${stemOf(image.replace(/^JPEGImages\//, ''))}.xml`)
  const read = await readAnnotations(entries.map(pathOf))
  const tags = new Map<string, VocTags>()
  const without: string[] = []
  for (const [i, { id }] of entries.entries()) {
    const found = read[i]
    if (found === undefined) without.push(id)
    else tags.set(id, found)
  }
  const warnings =
    without.length === 0 ? [] : [`${picturesHave(without.length)} no annotation: ${sample(without)}`]
  const all = async (): Promise<VocTags[]> => {
    const names = (await listFolder(folder)).filter(name => name.toLowerCase().endsWith('.xml'))
    return (await readAnnotations(names.map(name => join(folder, name)))).filter(row => row !== undefined)
  }
  return { tags, all, warnings }
}

/** In the order of the paths; undefined where there is no file. */
async function readAnnotations(paths: readonly string[]): Promise<(VocTags | undefined)[]> {
  const read: (VocTags | undefined)[] = []
  for (let first = 0; first < paths.length; first += TOGETHER)
    read.push(
      ...(await Promise.all(
        paths.slice(first, first + TOGETHER).map(async path => {
          const xml = await readText(path)
          return xml === undefined
            ? undefined
            : { names: annotatedClasses(xml, path), file: path, where: 'object' }
        }),
      )),
    )
  return read
}

/**
 * VOC's classes; those of the tags, sorted, when they are a world of their own. Throws InputError on tags of which some are
 * VOC's and some are not.
 */
export async function chooseVocClasses(
  source: VocTagSource,
  voc: readonly string[],
): Promise<{ names: readonly string[]; words: string[] }> {
  const isKnown = (name: string): boolean => voc.includes(name) || voc.includes(name.toLowerCase())
  const foreign = (rows: Iterable<VocTags>): Map<string, VocTags> =>
    new Map([...rows].flatMap(row => row.names.filter(name => !isKnown(name)).map(name => [name, row])))
  const strange = foreign(source.tags.values())
  if (strange.size === 0) return { names: voc, words: [] }
  const rows = await source.all()
  const known = [...new Set(rows.flatMap(({ names }) => names.filter(isKnown)))]
  const others = [...foreign(rows).keys()].sort()
  const slips = others.filter(name => nearestName(name, voc) !== undefined)
  if (known.length === 0 && 2 * slips.length < others.length)
    return {
      names: others,
      words: [`no tag is one of VOC's 20 classes: the classes are the tags, sorted: ${sample(others, 10)}`],
    }
  const [name, row] = [...strange][0]!
  const near = nearestName(name, voc)
  const hint = near === undefined ? `it is none of VOC's 20 classes` : `did you mean "${near}"?`
  throw new InputError(row.file, `unknown class "${name}"`, {
    field: row.where,
    expected: `${hint} If the classes are your own, list them in classes.txt, one a line`,
  })
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}
