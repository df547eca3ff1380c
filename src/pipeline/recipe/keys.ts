/** @file The keys of a recipe as data, read from the schema: for error messages, --set and docs/recipes.md. */
import { z } from 'zod'
import { recipeSchema } from './schema.ts'
import { isTree } from './tree.ts'

/** The part of JSON Schema that zod prints for a recipe. */
interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Node[]
  readonly oneOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly prefixItems?: readonly Node[]
  readonly items?: Node
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

/** One key. */
export interface RecipeKey {
  readonly path: string
  readonly description: string
  /** Allowed values, in words: "a whole number, at least 1". */
  readonly expected: string
  /** Undefined when the key must be given, and for sections. */
  readonly default: unknown
  readonly section: boolean
  /** Settings that it belongs to: `method: weaktr`, or the `kind` of its section. */
  readonly only: readonly string[]
}

let root: Node | undefined

function schemaRoot(): Node {
  root ??= z.toJSONSchema(recipeSchema, { io: 'input' }) as Node
  return root
}

/** Every key, sections before their contents. Keys that methods share are listed once. */
export function recipeKeys(): RecipeKey[] {
  const recipes = alternatives(schemaRoot())
  const same = new Map<string, { key: RecipeKey; expected: Set<string>; methods: string[] }>()
  for (const recipe of recipes) {
    for (const key of childrenOf(recipe, '', [])) {
      const identity = JSON.stringify([key.path, key.description, key.default, key.only])
      const entry = same.get(identity) ?? { key, expected: new Set(), methods: [] }
      entry.expected.add(key.expected)
      entry.methods.push(methodOf(recipe))
      same.set(identity, entry)
    }
  }
  return [...same.values()].map(({ key, expected, methods }) => ({
    ...key,
    expected: listWords([...expected]),
    only: [...(methods.length < recipes.length ? [`method: ${methods.join(' or ')}`] : []), ...key.only],
  }))
}

/**
 * Key names of the section at `path`, empty when it is no section: in the recipe `tree` when it is given, else in any
 * method's.
 */
export function keysAt(path: readonly PropertyKey[], tree?: unknown): string[] {
  return [
    ...new Set(
      nodesAt(path, tree).flatMap(node =>
        objects(node).flatMap(({ properties }) => Object.keys(properties ?? {})),
      ),
    ),
  ]
}

/** Allowed values at `path` in the recipe `tree`, in words; undefined for an unknown path. */
export function expectedAt(path: readonly PropertyKey[], tree: unknown): string | undefined {
  const nodes = nodesAt(path, tree)
  return nodes.length === 0 ? undefined : listWords([...new Set(nodes.map(inWords))])
}

/** Types of values that are written without quotes. */
const BARE = new Set<string | undefined>(['number', 'integer', 'boolean'])

/** True when `path` takes only text, so that `--set data.split=2012` means the text "2012". */
export function isTextAt(path: readonly PropertyKey[]): boolean {
  const nodes = nodesAt(path)
  return (
    nodes.length > 0 &&
    nodes.every(
      node =>
        alternatives(node).some(({ type }) => type === 'string') &&
        !alternatives(node).some(({ type }) => BARE.has(type)),
    )
  )
}

/** Schemas for `tree`: that of its method, or all. */
function recipesFor(tree: unknown): readonly Node[] {
  const all = alternatives(schemaRoot())
  const own = isTree(tree) ? all.filter(recipe => methodOf(recipe) === tree.method) : []
  return own.length === 0 ? all : own
}

function methodOf({ properties }: Node): string {
  return String(properties?.method?.const)
}

function nodesAt(path: readonly PropertyKey[], tree?: unknown): Node[] {
  return path.reduce<Node[]>(
    (nodes, key) =>
      nodes.flatMap(node =>
        alternatives(node).flatMap(option => {
          const child =
            typeof key === 'number'
              ? (option.prefixItems?.[key] ?? option.items)
              : option.properties?.[String(key)]
          return child === undefined ? [] : [child]
        }),
      ),
    [...recipesFor(tree)],
  )
}

function childrenOf(node: Node, prefix: string, only: readonly string[]): RecipeKey[] {
  return objects(node).flatMap((option, _, options) => {
    const kind = option.properties?.kind?.const
    const ownOnly = options.length > 1 && kind !== undefined ? [...only, `kind: ${kind}`] : only
    return Object.entries(option.properties ?? {}).flatMap(([name, child]) => {
      const path = prefix === '' ? name : `${prefix}.${name}`
      const section = objects(child).length > 0
      const key: RecipeKey = {
        path,
        description: child.description ?? '',
        expected: inWords(child),
        default:
          child.default ??
          (isTree(node.default) && node.default[name] === child.const ? child.const : undefined),
        section: section && alternatives(child).every(isObject),
        only: name === 'kind' ? only : ownOnly,
      }
      return [key, ...childrenOf(child, path, ownOnly)]
    })
  })
}

function alternatives(node: Node): readonly Node[] {
  return node.anyOf ?? node.oneOf ?? [node]
}

function objects(node: Node): readonly Node[] {
  return alternatives(node).filter(isObject)
}

function isObject(node: Node): boolean {
  return node.properties !== undefined
}

function inWords(node: Node): string {
  const options = node.anyOf ?? node.oneOf
  if (options !== undefined) return listWords([...new Set(options.map(inWords))])
  if (node.const !== undefined) return String(node.const)
  if (node.enum !== undefined) return listWords(node.enum.map(String))
  if (node.prefixItems !== undefined)
    return `a list of ${node.prefixItems.length}: [${node.prefixItems.map(inWords).join(', ')}]`
  switch (node.type) {
    case 'object':
      return `a section {${Object.keys(node.properties ?? {}).join(', ')}}`
    case 'array':
      return `a list of ${node.items === undefined ? 'values' : inWords(node.items)}`
    case 'integer':
    case 'number':
      return [node.type === 'integer' ? 'a whole number' : 'a number', ...limits(node)].join(', ')
    case 'boolean':
      return 'true or false'
    case 'string':
      return 'a text'
    default:
      return node.type ?? 'a value'
  }
}

function limits({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Node): string[] {
  const real = (limit: number | undefined): limit is number =>
    limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER
  const words: string[] = []
  if (real(minimum)) words.push(`at least ${minimum}`)
  if (real(exclusiveMinimum)) words.push(`above ${exclusiveMinimum}`)
  if (real(maximum)) words.push(`at most ${maximum}`)
  if (real(exclusiveMaximum)) words.push(`below ${exclusiveMaximum}`)
  return words
}

function listWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`
}
