/** @file A plain tree, as YAML gives it. Imports nothing. */
export type Tree = { [key: string]: unknown }

/** True for what YAML calls a mapping. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
