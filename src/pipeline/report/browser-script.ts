/** @file The script of the page: the built files of browser/ as one text, without imports, and its hash for the policy. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { workerUrl } from '../../io/worker-url.ts'

/** Each after those that it imports. */
const FILES = ['selection', 'element', 'picture', 'threshold', 'viewer', 'gallery']

let script: { readonly text: string; readonly hash: string } | undefined

/** Reads it once. Throws TagmaskError when it is not built. */
export function browserScript(): { readonly text: string; readonly hash: string } {
  if (script !== undefined) return script
  const parts = FILES.map(name => readFileSync(workerUrl(import.meta.url, `browser/${name}`), 'utf8'))
  const text = `(() => {'use strict'\n${parts.map(withoutModules).join('')}})()`
  const hash = `sha256-${createHash('sha256').update(text).digest('base64')}`
  script = { text, hash }
  return script
}

/** Modules cannot be loaded from file://, so that what they export is shared by one function instead. */
function withoutModules(source: string): string {
  return source.replaceAll(/^import .*\n/gm, '').replaceAll(/^export /gm, '')
}
