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

/** One key. `kind` names the alternative it belongs to, where a section comes in several (`train.schedule`). */
export interface RecipeKey {
  readonly path: string
  readonly description: string
  /** What may stand there, in words: "a whole number, at least 1". */
  readonly expected: string
  /** Undefined when the key must be given, and for sections. */
  readonly default: unknown
  readonly section: boolean
  readonly kind: string | undefined
}

let root: Node | undefined

function schemaRoot(): Node {
  root ??= z.toJSONSchema(recipeSchema, { io: 'input' }) as Node
  return root
}

/** Every key in the order of the schema, sections before their contents. */
export function recipeKeys(): RecipeKey[] {
  return childrenOf(schemaRoot(), '', undefined)
}

/** Names that may stand in the section at `path`; empty when it is no section. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  return [
    ...new Set(
      nodesAt(path).flatMap(node => objects(node).flatMap(({ properties }) => Object.keys(properties ?? {}))),
    ),
  ]
}

/** What may stand at `path`, in words; undefined for a path that does not exist. */
export function expectedAt(path: readonly PropertyKey[]): string | undefined {
  const nodes = nodesAt(path)
  return nodes.length === 0 ? undefined : [...new Set(nodes.map(inWords))].join(', or ')
}

/** True when only text may stand at `path`, so that `--set data.split=2012` means the text "2012". */
export function isTextAt(path: readonly PropertyKey[]): boolean {
  const nodes = nodesAt(path)
  return (
    nodes.length > 0 &&
    nodes.every(
      node =>
        alternatives(node).some(({ type }) => type === 'string') &&
        !alternatives(node).some(({ type }) => type === 'number' || type === 'integer'),
    )
  )
}

function nodesAt(path: readonly PropertyKey[]): Node[] {
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
    [schemaRoot()],
  )
}

function childrenOf(node: Node, prefix: string, kind: string | undefined): RecipeKey[] {
  return objects(node).flatMap((option, _, options) => {
    const ownKind = options.length > 1 ? String(option.properties?.kind?.const) : kind
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
        kind: ownKind,
      }
      return [key, ...childrenOf(child, path, ownKind)]
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
  if (options !== undefined) return [...new Set(options.map(inWords))].join(' or ')
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
