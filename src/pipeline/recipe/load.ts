/** @file Resolves a recipe: YAML, then flags and --set, then defaults and checks. */
import { dirname, join } from 'node:path'
import { type Document, isMap, isScalar, type LineCounter, stringify } from 'yaml'
import { InputError } from '../../errors.ts'
import { packageRoot } from '../../io/package-root.ts'
import { readWhole } from '../../io/read-range.ts'
import { decodeYaml, parseYaml } from '../../io/yaml.ts'
import { namedWeight } from '../../models/named-weights.ts'
import { weightsPath } from '../weights/weight-cache.ts'
import { flattenKeys } from './compare.ts'
import { findRecipe } from './find.ts'
import { applyOverrides, type Override, parseSet } from './overrides.ts'
import { problemsOf, recipeError } from './problems.ts'
import { type Recipe, recipeSchema } from './schema.ts'
import { isTree, type Tree } from './tree.ts'

export interface LoadRecipeOptions {
  /** `key=value` texts, as after --set; they win over `overrides`. */
  readonly set?: readonly string[]
  /** Values of other flags (--data, --device, ...). */
  readonly overrides?: readonly Override[]
}

export interface LoadedRecipe {
  readonly recipe: Recipe
  /** The file it was read from. */
  readonly file: string
  /** File name without ending; the default name of the run. */
  readonly name: string
  readonly chosen: ChosenKeys
}

/** Origin of the values, by dotted keys. */
export interface ChosenKeys {
  /** The recipe is bundled: its values are not the user's choice. */
  readonly bundled: boolean
  /** Keys in the recipe file. */
  readonly written: ReadonlySet<string>
  /** Keys given by --set or another flag. */
  readonly set: ReadonlySet<string>
}

/** Reads a recipe by file or by the name of a bundled one and fills in every default. Throws InputError that names
 * all wrong keys, types and ranges, each with its place and what would be right. */
export async function loadRecipe(
  fileOrName: string,
  { set = [], overrides = [] }: LoadRecipeOptions = {},
): Promise<LoadedRecipe> {
  const { file, name } = await findRecipe(fileOrName)
  const text = decodeYaml(await readWhole(file), file)
  const all = [...overrides, ...set.map(parseSet)]
  const given = new Set(
    all.flatMap(({ path, value }) => [
      path.join('.'),
      ...(isTree(value) ? flattenKeys(value, `${path.join('.')}.`).keys() : []),
    ]),
  )
  const { recipe, written } = readRecipe(text, file, all)
  const bundled = dirname(file) === join(packageRoot(), 'recipes')
  return { recipe, file, name, chosen: { bundled, written, set: given } }
}

/** The recipe in a YAML text; `file` is named in errors. */
export function parseRecipe(text: string, file: string, overrides: readonly Override[] = []): Recipe {
  return readRecipe(text, file, overrides).recipe
}

function readRecipe(
  text: string,
  file: string,
  overrides: readonly Override[],
): { recipe: Recipe; written: ReadonlySet<string> } {
  const yaml = parseYaml(text)
  if ('problem' in yaml)
    throw new InputError(`${file}:${yaml.line}`, yaml.problem, { expected: yaml.expected })
  const { document, lines, value } = yaml
  const own = rootOf(value, file)
  const tree = withCachedWeights(applyOverrides(own, overrides))
  const result = recipeSchema.safeParse(tree, { reportInput: true })
  if (result.success) return { recipe: result.data, written: new Set(flattenKeys(own).keys()) }
  throw recipeError(
    problemsOf(result.error.issues, tree),
    path =>
      overrideAt(path, overrides) ??
      placeInFile(document, path, file, lines) ??
      overrideBelow(path, overrides) ??
      file,
  )
}

/** The tree with the cached file of named weights in place of their name. */
function withCachedWeights(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => {
      if (isTree(value)) return [key, withCachedWeights(value)]
      const isName = key === 'weights' && typeof value === 'string' && namedWeight(value) !== undefined
      return [key, isName ? weightsPath(value) : value]
    }),
  )
}

/** The resolved recipe as YAML, every key written out; `parseRecipe` reads it back unchanged. */
export function formatRecipe(recipe: Recipe): string {
  return `# Resolved recipe: every key, as this run used it.\n${stringify(recipe, { flowCollectionPadding: true, lineWidth: 100 })}`
}

function rootOf(tree: unknown, file: string): Tree {
  if (isTree(tree)) return tree
  throw new InputError(file, tree === null ? 'is empty' : 'is not a recipe', {
    expected: 'write keys and values, beginning with method: mctformer',
  })
}

function overrideAt(path: readonly PropertyKey[], overrides: readonly Override[]): string | undefined {
  return overrides.findLast(({ path: own }) => own.every((key, i) => path[i] === key))?.source
}

/** What made the section at `path`. */
function overrideBelow(path: readonly PropertyKey[], overrides: readonly Override[]): string | undefined {
  return overrides.find(({ path: own }) => path.every((key, i) => own[i] === key))?.source
}

function placeInFile(
  document: Document,
  path: readonly PropertyKey[],
  file: string,
  lines: LineCounter,
): string | undefined {
  let node: unknown = document.contents
  let offset: number | undefined
  for (const key of path) {
    const pair = isMap(node)
      ? node.items.find(item => isScalar(item.key) && item.key.value === key)
      : undefined
    if (pair === undefined) break
    if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0]
    node = pair.value
  }
  return offset === undefined ? undefined : `${file}:${lines.linePos(offset).line}`
}
