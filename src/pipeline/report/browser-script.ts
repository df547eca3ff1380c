/** @file The script of the page: the built files of browser/ as one text, without imports, and its hash for the policy. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TagmaskError } from '../../errors.ts'
import { packageRoot, setupCommand } from '../../io/package-root.ts'

/** Each after those that it imports. */
const FILES = ['selection', 'element', 'picture', 'threshold', 'viewer', 'gallery']

let script: { readonly text: string; readonly hash: string } | undefined

/** Reads it once. Throws TagmaskError when it is not built. */
export function browserScript(): { readonly text: string; readonly hash: string } {
  if (script !== undefined) return script
  const folder = join(packageRoot(), 'dist/src/pipeline/report/browser')
  if (!existsSync(folder)) throw new TagmaskError(`${folder} is not built: run ${setupCommand()}`)
  const parts = FILES.map(name => readFileSync(join(folder, `${name}.js`), 'utf8'))
  const text = `(() => {'use strict'\n${parts.map(withoutModules).join('')}})()`
  const hash = `sha256-${createHash('sha256').update(text).digest('base64')}`
  script = { text, hash }
  return script
}

/** Modules cannot be loaded from file://, so that what they export is shared by one function instead. */
function withoutModules(source: string): string {
  return source.replaceAll(/^import .*\n/gm, '').replaceAll(/^export /gm, '')
}
