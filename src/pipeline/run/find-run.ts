/** @file What a person means by a name: a run folder, NAME in the folder of all runs, or a recipe. Imports no torch. */
import { readdir, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { isFile } from '../../data/image-path.ts'
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import { nearestName } from '../../nearest-name.ts'
import { bundledNames, lookUpRecipe } from '../recipe/find.ts'
import { fromHere } from './run-folder.ts'

export interface FindRunOptions {
  /** Folder of all runs. */
  readonly runs?: string
}

/** NAME or GROUP/NAME. */
const NAMES = /^(?!\.{1,2}([/\\]|$))[^/\\]+([/\\](?!\.{1,2}$)[^/\\]+)?$/

/** Whether the folder holds a recipe as runs do. */
function isRun(folder: string): Promise<boolean> {
  return isFile(join(folder, 'recipe.yaml'))
}

/** The run folder of that path, else of that name in the folder of all runs; undefined when there is neither. */
async function lookUpRun(target: string, { runs = 'runs' }: FindRunOptions): Promise<string | undefined> {
  if (await isRun(target)) return resolve(target)
  const name = target.replace(/[/\\]+$/, '') // as a shell completes a folder
  const place = resolve(runs, name)
  return NAMES.test(name) && (await isRun(place)) ? place : undefined
}

/** The same. Throws InputError that names the nearest run, or some of them, when there is none. */
export async function findRun(target: string, { runs = 'runs' }: FindRunOptions = {}): Promise<string> {
  const found = await lookUpRun(target, { runs })
  if (found !== undefined) return found
  const isFolder = await stat(target).then(
    at => at.isDirectory(),
    () => false,
  )
  if (isFolder)
    throw new InputError(target, 'is not a run folder: it holds no recipe.yaml', {
      expected: 'give the folder of a run, such as runs/NAME',
    })
  const near = await nearRun(target, { runs, others: [] })
  const names = await runNames(runs)
  const there = names.length === 0 ? '' : `; runs in ${fromHere(resolve(runs))}: ${sample(names)}`
  throw new InputError(target, 'there is no such run', {
    expected:
      near === undefined ? `give the folder of a run, such as runs/NAME${there}` : `did you mean ${near}?`,
  })
}

/** For commands that take both: a run folder, a recipe file or bundled name, else a run by its name. Throws InputError that
 * names the nearest recipe or run. */
export async function findRecipeOrRun(
  target: string,
  { runs = 'runs' }: FindRunOptions = {},
): Promise<{ readonly run: string } | { readonly recipe: string }> {
  if (await isRun(target)) return { run: resolve(target) }
  if ((await lookUpRecipe(target)) !== undefined) return { recipe: target }
  const run = await lookUpRun(target, { runs })
  if (run !== undefined) return { run }
  const bundled = await bundledNames()
  const near = await nearRun(target, { runs, others: bundled })
  const looksLikeFile = /[/\\]|\.ya?ml$/.test(target)
  throw new InputError(target, `there is no such ${looksLikeFile ? 'file or run' : 'recipe or run'}`, {
    expected:
      near === undefined ? `give a .yaml file, or one of: ${bundled.join(', ')}` : `did you mean ${near}?`,
  })
}

/** The nearest run or other name; of a path in the folder of all runs, the path of the nearest run. */
async function nearRun(
  target: string,
  { runs, others }: { runs: string; others: readonly string[] },
): Promise<string | undefined> {
  const names = await runNames(runs)
  const inside = relative(resolve(runs), resolve(target))
  if (!inside.startsWith('..') && inside !== '') {
    const near = nearestName(inside, names)
    return near === undefined ? undefined : fromHere(resolve(runs, near))
  }
  const last = target
    .split(/[/\\]/)
    .at(-1)!
    .replace(/\.ya?ml$/, '')
  return nearestName(target, names) ?? nearestName(last, [...others, ...names])
}

/** Names of the runs in a folder of runs, also GROUP/NAME, sorted; none where there is no such folder. */
export async function runNames(runs = 'runs'): Promise<string[]> {
  const found: string[] = []
  for (const name of await folders(runs)) {
    if (await isRun(join(runs, name))) found.push(name)
    else
      for (const inner of await folders(join(runs, name)))
        if (await isRun(join(runs, name, inner))) found.push([name, inner].join(sep))
  }
  return found
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  const names = entries.filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
  return names.map(({ name }) => name).sort()
}
