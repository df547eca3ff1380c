/** @file Path of a worker thread's file: in its caller's folder when built, under dist/ when running from source. */
import { existsSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TagmaskError } from '../errors.ts'
import { setupCommand } from './package-root.ts'

/**
 * The built file of worker `name` (no ending) in the folder of the module `from` (its import.meta.url).
 * Node 20 runs no TypeScript, so src/x/name.ts is found as dist/src/x/name.js. Throws when it is not built.
 */
export function workerUrl(from: string, name: string): URL {
  const built = fileURLToPath(new URL(`${name}.js`, from))
  const at = built.lastIndexOf(`${sep}src${sep}`)
  const path = from.endsWith('.ts') ? `${built.slice(0, at)}${sep}dist${built.slice(at)}` : built
  if (!existsSync(path)) throw new TagmaskError(`${path} is not built: run ${setupCommand()}`)
  return pathToFileURL(path)
}
