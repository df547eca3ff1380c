/** @file `--set a.b=c` and the flags that stand for it: values that replace those of the recipe file. */
import { resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { parseYaml } from '../../io/yaml.ts'
import { nearestName } from '../../nearest-name.ts'
import { weightsPath } from '../weights/weight-cache.ts'
import { isTextAt, keysAt, recipeKeys } from './keys.ts'
import { isTree, type Tree } from './tree.ts'

/** A value for one key; `source`: as the user wrote it, for messages. */
export interface Override {
  readonly path: readonly string[]
  readonly value: unknown
  readonly source: string
}

/** Characters of a setting in messages. */
const MAX_SHOWN = 200

/** Last words of keys that name a file or folder, or weights: absolute, so that the run can be resumed from anywhere. */
const PATHS: ReadonlyMap<string, (value: string) => string> = new Map([
  ['root', value => resolve(value)],
  ['weights', value => weightsPath(value)],
])

/** Reads `train.epochs=5`; the value is YAML (`true`, `1e-4`, `[1, 0.5]`, `null`, text). Throws InputError for a
 * missing `=`, a key that does not exist (naming the nearest), and broken YAML. */
export function parseSet(text: string): Override {
  const source = `--set ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text}`
  const at = text.indexOf('=')
  if (at < 1)
    throw new InputError(source, 'has no value', {
      expected: 'write --set key=value, as in --set train.epochs=5',
    })
  const path = text.slice(0, at).trim().split('.')
  checkPath(path, source)
  const raw = text.slice(at + 1).trim()
  const value = parseValue(raw, path, source)
  const pathOf = PATHS.get(path[path.length - 1]!)
  return { path, value: typeof value === 'string' && pathOf !== undefined ? pathOf(value) : value, source }
}

/** The tree with the values set and absent sections added. The given tree is not changed. */
export function applyOverrides(tree: Tree, overrides: readonly Override[]): Tree {
  const result = structuredClone(tree)
  for (const { path, value } of overrides) {
    let section = result
    for (const key of path.slice(0, -1)) {
      const next = section[key]
      const child: Tree = isTree(next) ? next : {}
      section[key] = child
      section = child
    }
    section[path[path.length - 1]!] = value
  }
  return result
}

function checkPath(path: readonly string[], source: string): void {
  for (const [depth, key] of path.entries()) {
    const known = keysAt(path.slice(0, depth))
    if (known.includes(key)) continue
    const wrong = path.slice(0, depth + 1).join('.')
    const near = nearestName(key, known)
    const elsewhere = recipeKeys().find(({ path: full }) => full.endsWith(`.${path.join('.')}`))?.path
    const hint =
      elsewhere ??
      (near === undefined ? undefined : [...path.slice(0, depth), near, ...path.slice(depth + 1)].join('.'))
    throw new InputError(source, `there is no key ${wrong}`, {
      expected:
        hint !== undefined
          ? `did you mean ${hint}?`
          : known.length > 0
            ? `keys there are ${known.join(', ')}`
            : `${path.slice(0, depth).join('.')} is a single value`,
    })
  }
}

function parseValue(raw: string, path: readonly string[], source: string): unknown {
  const yaml = raw === '' ? { value: '' } : parseYaml(raw)
  if ('problem' in yaml) {
    throw new InputError(source, 'the value is not valid YAML', {
      expected: 'write a number, true, false, null, a text, or a list such as [1, 0.5]',
    })
  }
  const { value } = yaml
  const isBare = typeof value === 'number' || typeof value === 'boolean'
  return isBare && isTextAt(path) ? raw : value
}
