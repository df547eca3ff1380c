/** @file Where tags come from, as the user says it. Imports node's paths only. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** Sources that are no file. `auto`: what the layout has. */
export const TAG_SOURCES = ['auto', 'masks', 'annotations', 'keywords'] as const

/** One of TAG_SOURCES, or the path of a file of tags. */
export type TagSource = string

/** The path of a file of tags: from the folder of the data set, else from the working folder; undefined for a source that is none. */
export function tagSourceFile(source: TagSource, root: string): string | undefined {
  if ((TAG_SOURCES as readonly string[]).includes(source)) return undefined
  const inside = resolve(root, source)
  return existsSync(inside) ? inside : resolve(source)
}
