/** @file YOLO's label files reduced to tags: labels/NAME.txt with a class index a line, and the names in data.yaml or classes.txt. */
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { parseYaml, type YamlBounds } from '../../io/yaml.ts'
import { filesBelow } from '../image-path.ts'
import { listFolder, nonEmptyLines, readText, sample } from '../listing.ts'
import { FIRST, type Problems } from '../problems.ts'
import { canonicalSplit, USUAL_SPLITS } from '../split-names.ts'
import type { TagRow, TagRows } from '../tag-table.ts'
import { cleanWord } from '../tag-words.ts'

/** What YOLO's set-up file is called by Ultralytics, Roboflow, CVAT, and Darknet. */
const NAME_FILES = ['data.yaml', 'data.yml', 'dataset.yaml', 'classes.txt', 'labels/classes.txt', 'obj.names']
const LINE = /^(\d+)(?:\s+[-+\d.eE]+){4,}$/
const TOGETHER = 64 // files read at the same time
const BOUNDS: YamlBounds = { characters: 65_536, line: 8000 } // a thousand names, a line each or all in one

/** The label files of a folder and where their names are; undefined when it does not look like YOLO's. */
export async function findYolo(
  root: string,
): Promise<{ names: string; labels: readonly string[] } | undefined> {
  const there = await listFolder(root)
  const folders = there.filter(name => name === 'labels' || name === 'obj_train_data' || isSplit(name))
  if (folders.length === 0) return undefined
  const files = (
    await Promise.all(
      folders.map(async folder => (await filesBelow(join(root, folder))).map(file => `${folder}/${file}`)),
    )
  ).flat()
  const labels = files.filter(
    file =>
      /(?:^|\/)(?:labels|obj_train_data)\/.*\.txt$/.test(file) && !/\/(?:classes|train|val)\.txt$/.test(file),
  )
  if (labels.length === 0) return undefined
  for (const names of NAME_FILES)
    if ((await readText(join(root, names))) !== undefined) return { names, labels }
  return undefined
}

/**
 * A row for each label file; an empty one is that of an image without objects. A folder train/ or val/ in the path is the split.
 * A line that is none, and an index without a name, are faults.
 */
export async function yoloRows(
  root: string,
  { problems = FIRST }: { problems?: Problems | undefined } = {},
): Promise<(TagRows & { readonly path: string }) | undefined> {
  const found = await findYolo(root)
  if (found === undefined) return undefined
  const path = join(root, found.names)
  const names = namesOf(path, (await readText(path)) ?? '')
  const rows: TagRow[] = []
  for (let first = 0; first < found.labels.length; first += TOGETHER)
    rows.push(
      ...(await Promise.all(
        found.labels
          .slice(first, first + TOGETHER)
          .map(label => rowOf(root, label, { names, path, problems })),
      )),
    )
  const parts = new Set(rows.map(({ split }) => split))
  const notes = [
    `${path}: the classes in ${found.labels.length} label files of YOLO are the tags`,
    ...(parts.size > 1
      ? [`${path}: the splits are the folders ${sample([...parts].flatMap(part => part ?? []))}`]
      : []),
  ]
  return {
    path,
    rows: parts.size > 1 ? rows : rows.map(row => ({ ...row, split: undefined })),
    exclusive: false,
    notes,
  }
}

async function rowOf(
  root: string,
  label: string,
  { names, path, problems }: { names: ReadonlyMap<number, string>; path: string; problems: Problems },
): Promise<TagRow> {
  const file = join(root, label)
  const lines = nonEmptyLines((await readText(file)) ?? '')
  const tags = lines.flatMap((line, i) => {
    const field = `line ${i + 1}`
    const index = LINE.exec(line)?.[1]
    const name = names.get(Number(index))
    if (index === undefined)
      problems.fault(
        'bad-annotation',
        new InputError(file, `"${line.slice(0, 60)}" is no line of YOLO`, {
          field,
          expected: 'class index and box or polygon: 0 0.5 0.5 0.2 0.3',
        }),
      )
    else if (name === undefined)
      problems.fault(
        'unknown-class',
        new InputError(file, `names the class ${index}, and ${path} names ${names.size}`, {
          field,
          expected: 'a class index from 0',
        }),
      )
    return name === undefined ? [] : [name]
  })
  const parts = label.split('/')
  const split = parts.slice(0, -1).find(isSplit)
  const image = parts
    .filter((part, i) => i > 0 || part !== 'labels')
    .map((part, i) => (i > 0 && part === 'labels' ? 'images' : part))
    .join('/')
  return {
    file: image.replace(/\.txt$/, ''),
    tags: [...new Set(tags)],
    split: split && canonicalSplit(split),
    where: label,
  }
}

function isSplit(name: string): boolean {
  return (USUAL_SPLITS as readonly string[]).includes(canonicalSplit(name))
}

/** By index: a list or a dictionary in YAML, else a name a line. */
function namesOf(path: string, text: string): Map<number, string> {
  if (!/\.ya?ml$/.test(path)) return new Map(nonEmptyLines(text).map((name, index) => [index, name]))
  const yaml = parseYaml(text, BOUNDS)
  if ('problem' in yaml)
    throw new InputError(path, yaml.problem, { field: `line ${yaml.line}`, expected: yaml.expected })
  const { value } = yaml
  const names = typeof value === 'object' && value !== null && 'names' in value ? value.names : undefined
  const entries: [unknown, unknown][] = Array.isArray(names)
    ? names.map((name, index) => [index, name])
    : typeof names === 'object' && names !== null
      ? Object.entries(names)
      : []
  const found = new Map<number, string>()
  for (const [index, name] of entries) {
    const word = /^(?:string|number|boolean)$/.test(typeof name) ? cleanWord(String(name)) : ''
    if (word !== '') found.set(Number(index), word)
  }
  if (found.size === 0) throw new InputError(path, 'names no classes', { field: 'names', expected: NAMES })
  return found
}

const NAMES = 'names: [cat, dog], or a name for each index'
