/** @file instances_SPLIT.json or Roboflow's _annotations.coco.json: images, categories, annotations, each checked before it is used. */
import { readFile, stat } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
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
}

/** A region of a crowd (`iscrowd`) shows the class as well: it tags the image like any other. */
interface CocoAnnotation {
  readonly image_id: number
  readonly category_id: number
}

interface CocoCategory {
  readonly id: number
  readonly name: string
}

const MAX_BYTES = 500 * 2 ** 20 // a string of Node holds 512 MiB; COCO's own largest has 450

/** Throws InputError for what is no list; wrong entries are faults, harmless ones are left out with a warning. */
export async function readInstances(file: string, problems: Problems = FIRST): Promise<Instances> {
  const value = await parse(file)
  const images = listOf(value, 'images', {
    file,
    check: ({ id, file_name }) => Number.isSafeInteger(id) && typeof file_name === 'string',
    needed: '{"id": 1, "file_name": "a.jpg"}',
    problems,
  }) as readonly CocoImage[]
  const annotations = listOf(value, 'annotations', {
    file,
    check: ({ image_id, category_id }) => Number.isSafeInteger(image_id) && Number.isSafeInteger(category_id),
    needed: '{"image_id": 1, "category_id": 1}',
    problems,
  }) as readonly CocoAnnotation[]
  const categories = listOf(value, 'categories', {
    file,
    check: ({ id, name }) => Number.isSafeInteger(id) && typeof name === 'string',
    needed: '{"id": 1, "name": "cat"}',
    problems,
  }) as readonly CocoCategory[]
  const warnings: string[] = []
  const plain = images.flatMap(({ id, file_name }) => {
    const inside = insidePath(file, { id, file_name }, problems)
    return inside === undefined ? [] : [{ id, file_name: inside }]
  })
  return {
    images: uniqueImages(file, plain, { warnings, problems }),
    categories: uniqueCategories(file, categories, warnings),
    annotations: ofListedImages(file, { images, annotations }, warnings),
    warnings,
  }
}

async function parse(file: string): Promise<object> {
  try {
    const found = await stat(file)
    if (!found.isFile()) throw new InputError(file, 'is not a file', { expected: 'a JSON file is needed' })
    const { size } = found
    if (size > MAX_BYTES)
      throw new InputError(file, `has ${Math.round(size / 2 ** 20)} MiB`, {
        expected: `at most ${MAX_BYTES / 2 ** 20} MiB are read: leave "segmentation" out, of which nothing is used`,
      })
    const value: unknown = JSON.parse((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''))
    return typeof value === 'object' && value !== null ? value : {}
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw new InputError(file, 'is cut short or no JSON', { expected: 'download it again', cause })
  }
}

function listOf(
  value: object,
  field: string,
  {
    file,
    check,
    needed,
    problems,
  }: {
    file: string
    check: (entry: Record<string, unknown>) => boolean
    needed: string
    problems: Problems
  },
): readonly object[] {
  const list: unknown = (value as Record<string, unknown>)[field]
  if (!Array.isArray(list))
    throw new InputError(file, 'is not a list of instances', {
      expected:
        'images {id, file_name}, annotations {image_id, category_id} and categories {id, name} are needed',
    })
  return list.filter((entry: unknown, i) => {
    if (typeof entry === 'object' && entry !== null && check(entry as Record<string, unknown>)) return true
    problems.fault(
      'bad-annotation',
      new InputError(file, `is not a list of instances: ${field}[${i}] is not of the form ${needed}`, {
        field,
        expected: 'ids are whole numbers, names are texts',
      }),
    )
    return false
  })
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
  for (const { id, file_name } of images) {
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
    kept.push({ id, file_name })
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
