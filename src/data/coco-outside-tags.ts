/** @file Tags of COCO's images that do not come from its annotations: a file of tags, or keywords. */
import { dirname } from 'node:path'
import { count } from '../io/count.ts'
import type { CocoImage } from './coco-file.ts'
import { hasImageEnding } from './image-endings.ts'
import { imageNames } from './image-names.ts'
import { classIndices, sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { readTagsOf, type TagFile, tagFileOf } from './tag-file.ts'
import type { TagRow } from './tag-table.ts'
import { keywordRows } from './tags/keywords.ts'
import { type TagSource, tagSourceFile } from './tags/tag-options.ts'

export interface OutsideTags {
  /** By the id of the image. */
  readonly tags: ReadonlyMap<number, number[]>
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
}

/** Undefined where the source is COCO's own. Throws InputError as the readers do; a tag that is no category is a fault. */
export async function outsideTags(
  root: string,
  source: TagSource,
  {
    images,
    places,
    classes,
    problems = FIRST,
  }: {
    images: readonly CocoImage[]
    places: ReadonlyMap<CocoImage, string>
    classes: readonly string[]
    problems?: Problems
  },
): Promise<OutsideTags | undefined> {
  const files = images.map(({ file_name }) => file_name)
  const names = imageNames(files)
  const exists = (name: string): boolean => names.find(name).file !== undefined
  const path = tagSourceFile(source, root)
  let file: TagFile
  if (path !== undefined) {
    const isImage = (name: string): boolean => exists(name) || hasImageEnding(name)
    file = await readTagsOf(path, { files, exists, isImage, known: classes, problems })
  } else if (source === 'keywords') {
    const [first] = places
    const base = first === undefined ? root : folderOf(first[1], first[0].file_name)
    const there = [...places.keys()].map(({ file_name }) => file_name)
    file = tagFileOf(base, await keywordRows(base, there, { problems }), { known: classes, problems })
  } else return undefined
  const indices = new Map(classes.map((name, k) => [name, k]))
  const byFile = new Map<string, number[]>()
  const absent: TagRow[] = []
  for (const row of file.rows.values()) {
    const { file: image } = names.find(row.file)
    if (image === undefined) absent.push(row)
    else
      byFile.set(
        image,
        classIndices(row.tags, { classes: indices, file: file.path, field: row.where, problems }),
      )
  }
  const warnings =
    absent.length === 0
      ? []
      : problems.doubt(
          'absent-image',
          `${file.path}: names ${count(absent.length, 'absent image')}, left out: ${sample(absent.map(row => row.file))}`,
          () =>
            absent.map(row => ({
              file: file.path,
              field: row.where,
              problem: `names ${row.file}, which is not in the list of images`,
              expected: 'correct the name, or take the row out',
            })),
        )
  return {
    tags: new Map(images.map(({ id, file_name }) => [id, byFile.get(file_name) ?? []])),
    warnings: [...file.warnings, ...warnings],
    notes: [`the tags are those of ${file.path}`, ...file.notes],
  }
}

/** The folder below which a file lies at `name`. */
function folderOf(place: string, name: string): string {
  return place.endsWith(`/${name}`) ? place.slice(0, -name.length - 1) : dirname(place)
}
