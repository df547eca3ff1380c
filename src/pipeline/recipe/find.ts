/** @file Finds a recipe: a user's file, or a bundled one by its short name. */
import { readdir } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { isFile } from '../../data/image-path.ts'
import { InputError } from '../../errors.ts'
import { packageRoot } from '../../io/package-root.ts'
import { nearestName } from '../../nearest-name.ts'

export interface FoundRecipe {
  readonly file: string
  readonly name: string
}

const LIKE_A_FILE = /[/\\]|\.ya?ml$/

/** `file.yaml`, `folder/file.yaml`, `recipes/NAME.yaml` of the package, or `NAME` of a bundled recipe; undefined when there
 * is none. */
export async function lookUpRecipe(fileOrName: string): Promise<FoundRecipe | undefined> {
  const name = nameOf(fileOrName)
  const bundled = join(packageRoot(), 'recipes', `${name}.yaml`)
  const asFile = resolve(fileOrName)
  const looksLikeFile = LIKE_A_FILE.test(fileOrName)
  if (looksLikeFile && (await isFile(asFile))) return { file: asFile, name }
  const mayBeBundled =
    !looksLikeFile || fileOrName === `${name}.yaml` || fileOrName === `recipes/${name}.yaml`
  return mayBeBundled && (await isFile(bundled)) ? { file: bundled, name } : undefined
}

/** The same. Throws InputError naming the nearest bundled recipe, or all of them, when there is none. */
export async function findRecipe(fileOrName: string): Promise<FoundRecipe> {
  const found = await lookUpRecipe(fileOrName)
  if (found !== undefined) return found
  const names = await bundledNames()
  const near = nearestName(nameOf(fileOrName), names)
  const what = LIKE_A_FILE.test(fileOrName) ? 'file' : 'recipe'
  throw new InputError(fileOrName, `there is no such ${what}`, {
    expected:
      near === undefined ? `give a .yaml file, or one of: ${names.join(', ')}` : `did you mean ${near}?`,
  })
}

function nameOf(fileOrName: string): string {
  return basename(fileOrName, extname(fileOrName) === '.yml' ? '.yml' : '.yaml')
}

/** Short names of the recipes that come with the package, or of what lies in a folder of them, sorted. */
export async function bundledNames(folder = '.'): Promise<string[]> {
  const files = await readdir(join(packageRoot(), 'recipes', folder))
  return files
    .filter(file => file.endsWith('.yaml'))
    .map(file => basename(file, '.yaml'))
    .sort()
}
