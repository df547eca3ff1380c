/** @file instances_SPLIT.json or Roboflow's _annotations.coco.json: images, categories, annotations, each checked before it is used. Regions stay in the file. */
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { type JsonPlace, readJsonLists } from '../io/json-lists.ts'
import { doubtThinPolygons, hasThinPolygon } from './coco-doubts.ts'
import { leadsOutside } from './image-path.ts'
import { sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { foldWord } from './tag-words.ts'

/** The parts that are read. `file_name` has forward slashes and stays inside the folder. */
export interface Instances {
  readonly images: readonly CocoImage[]
  readonly annotations: readonly CocoAnnotation[]
  readonly categories: readonly CocoCategory[]
  /** Warnings about entries left out. */
  readonly warnings: readonly string[]
}

export interface CocoImage {
  readonly id: number
  readonly file_name: string
  /** As the file writes it: a backslash may be part of the name. */
  readonly written: string
  /** As the file says. */
  readonly size: { readonly width: number; readonly height: number } | undefined
}

/** A region of a crowd (`iscrowd`) shows the class as well: it tags the image like any other. */
export interface CocoAnnotation {
  readonly image_id: number
  readonly category_id: number
  readonly crowd: boolean
  /** Where the annotation lies in the file; undefined without a region. */
  readonly place: JsonPlace | undefined
}

interface CocoCategory {
  readonly id: number
  readonly name: string
}

/** Throws InputError for what is no list; wrong entries are faults, harmless ones are left out with a warning. */
export async function readInstances(file: string, problems: Problems = FIRST): Promise<Instances> {
  const images: CocoImage[] = []
  const annotations: CocoAnnotation[] = []
  const categories: CocoCategory[] = []
  const thin: string[] = []
  const refuse = (field: string, index: number, needed: string): void =>
    problems.fault(
      'bad-annotation',
      new InputError(file, `is not a list of instances: ${field}[${index}] is not of the form ${needed}`, {
        field,
        expected: 'ids are whole numbers, names are texts',
      }),
    )
  const lists = await readJsonLists(file, {
    lists: {
      images: ({ value, index }) => {
        const { id, file_name, width, height } = fieldsOf(value)
        if (!isWhole(id) || typeof file_name !== 'string')
          return refuse('images', index, '{"id": 1, "file_name": "a.jpg"}')
        const size =
          isWhole(width) && isWhole(height) && width > 0 && height > 0 ? { width, height } : undefined
        images.push({ id, file_name, written: file_name, size })
      },
      annotations: ({ value, index, at, bytes }) => {
        const { id, image_id, category_id, iscrowd, segmentation } = fieldsOf(value)
        if (!isWhole(image_id) || !isWhole(category_id))
          return refuse('annotations', index, '{"image_id": 1, "category_id": 1}')
        const crowd = iscrowd === 1 || iscrowd === true
        if (hasThinPolygon(segmentation))
          thin.push(isWhole(id) ? `annotation ${id}` : `annotations[${index}]`)
        const place = hasRegion(segmentation) ? { at, bytes } : undefined
        annotations.push({ image_id, category_id, crowd, place })
      },
      categories: ({ value, index }) => {
        const { id, name } = fieldsOf(value)
        if (!isWhole(id) || typeof name !== 'string')
          return refuse('categories', index, '{"id": 1, "name": "cat"}')
        categories.push({ id, name })
      },
    },
  })
  if (lists.size < LISTS.length)
    throw new InputError(file, 'is not a list of instances', {
      expected:
        'images {id, file_name}, annotations {image_id, category_id} and categories {id, name} are needed',
    })
  const warnings = doubtThinPolygons(file, thin, problems)
  const plain = images.flatMap(image => {
    const inside = insidePath(file, image, problems)
    return inside === undefined ? [] : [{ ...image, file_name: inside }]
  })
  return {
    images: uniqueImages(file, plain, { warnings, problems }),
    categories: uniqueCategories(file, categories, warnings),
    annotations: ofListedImages(file, { images, annotations }, warnings),
    warnings,
  }
}

const LISTS = ['images', 'annotations', 'categories'] as const

/** Whether a file has the three lists, whatever they hold. */
export async function isCocoFile(file: string): Promise<boolean> {
  const lists = Object.fromEntries(LISTS.map(name => [name, () => undefined]))
  try {
    return (await readJsonLists(file, { lists })).size === LISTS.length
  } catch (error) {
    if (error instanceof InputError) return false
    throw error
  }
}

/** Whether a JSON value has the three lists. */
export function isCocoJson(value: unknown): boolean {
  const fields = fieldsOf(value)
  return LISTS.every(key => Array.isArray(fields[key]))
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** Polygons or run lengths; tools write [] for a box alone. */
function hasRegion(segmentation: unknown): boolean {
  return Array.isArray(segmentation)
    ? segmentation.length > 0
    : typeof segmentation === 'object' && segmentation !== null
}

/** Forward slashes, and nothing before the first name. Where it leads out of the data set is a fault. */
function insidePath(file: string, { id, file_name }: CocoImage, problems: Problems): string | undefined {
  const path = file_name.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '')
  const outside =
    leadsOutside(path) || path.startsWith('/') || /^[A-Za-z]:\//.test(path) || path.includes('\0')
  if (!outside) return path
  problems.fault(
    'unclear-name',
    new InputError(file, `image ${id} has the file_name "${file_name}"`, {
      field: 'images',
      expected: 'file_name is a path inside the folder of the images, without ".." and not from the root',
    }),
  )
  return undefined
}

function uniqueImages(
  file: string,
  images: readonly CocoImage[],
  { warnings, problems }: { warnings: string[]; problems: Problems },
): CocoImage[] {
  const byId = new Map<number, string>()
  const byFile = new Map<string, number>()
  const same: number[] = []
  const kept: CocoImage[] = []
  for (const image of images) {
    const { id, file_name } = image
    const name = byId.get(id)
    if (name === file_name) {
      same.push(id)
      continue
    }
    if (name !== undefined) {
      problems.fault(
        'same-name',
        new InputError(file, `the id ${id} is that of ${name} and of ${file_name}`, {
          field: 'images',
          expected: 'give each image an id of its own, and its annotations the same',
        }),
      )
      continue
    }
    const other = byFile.get(file_name)
    if (other !== undefined) {
      problems.fault(
        'same-name',
        new InputError(file, `${file_name} is listed as image ${other} and as image ${id}`, {
          field: 'images',
          expected: 'list each file once, and give its annotations that id',
        }),
      )
      continue
    }
    byId.set(id, file_name)
    byFile.set(file_name, id)
    kept.push(image)
  }
  if (same.length > 0)
    warnings.push(
      `${file}: ${count(same.length, 'image', 'is')} listed twice in the same words, taken once: ${sample(same.map(String))}`,
    )
  return kept
}

function uniqueCategories(
  file: string,
  categories: readonly CocoCategory[],
  warnings: string[],
): CocoCategory[] {
  const byId = new Map<number, string>()
  const byName = new Map<string, number>()
  const same: string[] = []
  for (const { id, name } of categories) {
    const known = byId.get(id)
    if (known === name) {
      same.push(name)
      continue
    }
    if (known !== undefined)
      throw new InputError(file, `the id ${id} is that of "${known}" and of "${name}"`, {
        field: 'categories',
        expected: 'give each category an id of its own',
      })
    const other = byName.get(foldWord(name)) // case does not tell classes apart
    if (other !== undefined)
      throw new InputError(file, `"${name}" is category ${other} and category ${id}`, {
        field: 'categories',
        expected: 'give each category a name of its own, or its annotations one id',
      })
    byId.set(id, name)
    byName.set(foldWord(name), id)
  }
  if (same.length > 0)
    warnings.push(`${file}: categories listed twice in the same words, taken once: ${sample(same)}`)
  return [...byId].map(([id, name]) => ({ id, name }))
}

/** Those of other images are left over from a larger set, unless they are most. */
function ofListedImages(
  file: string,
  { images, annotations }: Pick<Instances, 'images' | 'annotations'>,
  warnings: string[],
): CocoAnnotation[] {
  const known = new Set(images.map(({ id }) => id))
  const kept = annotations.filter(({ image_id }) => known.has(image_id))
  const strays = [...new Set(annotations.map(({ image_id }) => image_id))].filter(id => !known.has(id))
  const lost = annotations.length - kept.length
  if (lost === 0) return kept
  const problem = `${lost} of ${annotations.length} annotations are of images that are not listed: ${sample(strays.map(String))}`
  if (2 * lost > annotations.length)
    throw new InputError(file, problem, {
      field: 'annotations',
      expected: 'image_id must be the id of one of images: list those, or leave the annotations out',
    })
  warnings.push(`${file} (annotations): ${problem}; they are left out`)
  return kept
}
