/** @file Where a run may lie: in a run folder, a new or an empty one, and never among the files of a data set. Imports no torch. */
import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import type { Dataset } from '../../data/dataset.ts'
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import { fromHere, RUN_MARK } from './run-folder.ts'

const LONGEST_NAME = 200 // bytes; file systems take 255, and suffixes are added
/** Folders below --runs that are no run. */
const RESERVED: ReadonlySet<string> = new Set(['demo-data'])
/** Files of the system or of a killed start, with which a folder counts as empty. */
const NOTHING = /^(lock|\.lock.*|\.DS_Store|Thumbs\.db|desktop\.ini|\..*\.tmp)$/

/** The folder NAME inside the folder of all runs. Throws InputError for a name that is no plain file name. */
export function placeOfRun(runs: string, name: string): string {
  const problem = problemOfName(name)
  if (problem === undefined) return resolve(runs, name)
  throw new InputError(`--name ${JSON.stringify(name)}`, problem, {
    expected: 'a run is one folder inside --runs: give a plain name, such as first-try',
  })
}

function problemOfName(name: string): string | undefined {
  if (name.trim() === '') return 'is empty'
  if (name === '.' || name === '..') return 'is no name'
  if (/[/\\]/.test(name)) return 'is a path, not a name'
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) return 'has control characters'
  if (/[. ]$|^ /.test(name)) return 'begins with a blank, or ends with a dot or a blank'
  if (name.startsWith('-')) return 'begins with a dash, as flags do'
  if (Buffer.byteLength(name) > LONGEST_NAME) return `is longer than ${LONGEST_NAME} bytes`
  return RESERVED.has(name) ? 'is kept for generated images' : undefined
}

/** Throws InputError unless the folder is a run folder, empty, or absent. Changes nothing. */
export async function refuseForeignFolder(root: string): Promise<void> {
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new InputError(fromHere(root), 'cannot be a run folder: it is a file or cannot be listed', {
      expected: 'use another --name',
      cause: error,
    })
  })
  if (names.every(name => NOTHING.test(name)) || (await isOurs(root, names))) return
  throw new InputError(fromHere(root), `is not a run folder, and not empty: it holds ${sample(names)}`, {
    expected: 'nothing was changed; use another --name or --runs',
  })
}

/** Has the mark or, of older versions, all files that a run writes at its start. */
export async function isOurs(root: string, names: readonly string[]): Promise<boolean> {
  if (names.includes(RUN_MARK)) {
    const text = await readFile(join(root, RUN_MARK), 'utf8').catch(() => '')
    return /"kind":\s*"tagmask run"/.test(text)
  }
  if (!['recipe.yaml', 'stages', 'sessions.jsonl'].every(name => names.includes(name))) return false
  const recipe = await readFile(join(root, 'recipe.yaml'), 'utf8').catch(() => '')
  const sessions = await readFile(join(root, 'sessions.jsonl'), 'utf8').catch(() => '')
  return recipe.startsWith('# Resolved recipe: ') && sessions.startsWith('{"time":"')
}

/**
 * Throws InputError when the run folder is the data set's, holds it, or lies in it elsewhere than below runs/, where its
 * images could be read as those of the data set. Changes nothing.
 */
export async function refuseDataFolder(
  root: string,
  data: string,
  { samples }: Pick<Dataset, 'samples'>,
): Promise<void> {
  const [run, set] = await Promise.all([realPlace(root), realPlace(data)])
  const refuse = (problem: string): never => {
    throw new InputError(fromHere(root), `cannot be the run folder: it ${problem} ${data}`, {
      expected: 'nothing was changed; give --runs a folder outside the data set, or runs in it',
    })
  }
  if (run === set) refuse('is the data set')
  if (isInside(set, run)) refuse('holds the data set')
  if (!isInside(run, set)) return
  const folders = new Set(samples.flatMap(({ image, mask }) => [image, mask ?? image]).map(dirname))
  const read = await Promise.all([...folders].map(realPlace))
  const [first] = relative(set, run).split(sep)
  if (first !== 'runs' || read.some(folder => folder !== set && isInside(run, folder)))
    refuse('lies among the files of the data set')
}

/** The path without symbolic links, also of a file that does not exist. */
export async function realPlace(path: string): Promise<string> {
  const place = resolve(path)
  try {
    return await realpath(place)
  } catch {
    const above = dirname(place)
    return above === place ? place : join(await realPlace(above), basename(place))
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`)
}
