/** @file Where masks may go: never among the images, the maps, a data set's or a run's own files. Imports no torch. */
import { readdir, stat } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import { InputError } from '../../errors.ts'
import { runFolder } from '../run/run-folder.ts'
import { realPlace } from '../run/run-place.ts'

/** A folder in which, and around which, nothing is written. */
export interface TakenPlace {
  readonly path: string
  /** As in "the folder of the images". */
  readonly what: string
}

const EXPECTED = 'nothing was changed; give a new or empty folder elsewhere'
/** What data sets keep their files in, and what readers look for next to them. */
const DATA_PARTS =
  /^(images|masks|labels|annotations|imagesets|jpegimages|segmentation(class|object).*|train.*|val.*|test.*)$/i

/**
 * Throws InputError when `out` is one of the places, lies in one or holds one, or when it would lie among the files of a
 * run or a data set (`data`: that of the recipe). Symbolic links are followed, and case is what the disk takes it for.
 */
export async function refuseOutPlace(
  out: string,
  { places, data }: { places: readonly TakenPlace[]; data?: string | undefined },
): Promise<void> {
  const refuse = (problem: string): never => {
    throw new InputError(out, problem, { field: '--out', expected: EXPECTED })
  }
  for (const { path, what } of places) {
    const relation = await relationOf(out, path)
    if (relation === 'same') refuse(`is ${what}`)
    if (relation === 'inside') refuse(`lies in ${what} ${path}`)
    if (relation === 'around') refuse(`holds ${what} ${path}`)
  }
  if (data !== undefined) {
    const relation = await relationOf(out, data)
    if (relation === 'around') refuse(`holds the data set ${data}`)
    if (relation === 'inside' && !(await hasDataParts(data))) {
      const [first] = relative(await realPlace(data), await realPlace(out)).split(sep)
      if (first !== 'runs') refuse(`lies in the data set ${data}, where folders are classes`)
    }
    if (relation === 'same') refuse('is the data set of the run')
  }
  const place = await realPlace(out)
  for (let above = place; ; above = dirname(above)) {
    const [first] = relative(above, place).split(sep) as [string]
    if (await isRun(above)) {
      if (first === '') refuse('is a run folder')
      if (runParts().has(first.toLowerCase()) || /\.old-\d+$/.test(first))
        refuse(`lies among the files of the run ${above}`)
    } else if (await hasDataParts(above)) {
      if (first === '') refuse('is a data set')
      if (DATA_PARTS.test(first)) refuse(`lies among the files of the data set ${above}`)
    }
    if (above === dirname(above)) return
  }
}

/** The run that a file or folder lies in, if any. */
export async function runAround(path: string): Promise<string | undefined> {
  for (let above = await realPlace(path); above !== dirname(above); above = dirname(above))
    if (await isRun(above)) return above
  return undefined
}

async function isRun(folder: string): Promise<boolean> {
  const names = await namesIn(folder)
  return names.has('recipe.yaml') && (names.has('stages') || names.has('tagmask-run.json'))
}

async function hasDataParts(folder: string): Promise<boolean> {
  const names = await namesIn(folder)
  return (
    ['tags.csv', 'tags.json', 'jpegimages', 'imagesets', 'annotations'].some(name => names.has(name)) ||
    (names.has('images') && names.has('masks'))
  )
}

async function namesIn(folder: string): Promise<Set<string>> {
  return new Set((await readdir(folder).catch(() => [])).map(name => name.toLowerCase()))
}

/** First parts of all paths that a run writes to. */
function runParts(): Set<string> {
  const run = runFolder('/run')
  const parts = Object.values(run).flatMap(path => relative(run.root, resolve(run.root, path)).split(sep)[0]!)
  return new Set([...parts, 'lock', 'tagmask-run.json', 'labels.txt', 'labels.json'].filter(Boolean))
}

async function relationOf(out: string, path: string): Promise<'same' | 'inside' | 'around' | 'apart'> {
  const [outside, inside] = await Promise.all([identities(out), identities(path)])
  const [outSelf, pathSelf] = [outside[0], inside[0]]
  if (outSelf !== undefined && outSelf === pathSelf) return 'same'
  if (pathSelf !== undefined && outside.includes(pathSelf)) return 'inside'
  return outSelf !== undefined && inside.includes(outSelf) ? 'around' : 'apart'
}

/** Device and inode of a path and of all folders above it; undefined where there is nothing yet. */
async function identities(path: string): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = []
  for (let at = await realPlace(path); ; at = dirname(at)) {
    const { dev, ino } = (await stat(at, { bigint: true }).catch(() => undefined)) ?? {}
    found.push(ino === undefined ? undefined : `${dev} ${ino}`)
    if (at === dirname(at)) return found
  }
}
