/** @file Where the set-up puts what it builds: into the package, or beside the cache where that is read-only. Node's own modules only. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CACHE } from './find-libtorch.mjs'
import { SetupError } from './setup-log.mjs'

/** The folder with package.json. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Whether this is a clone, with sources and tests, and not what npm has installed. */
export const isClone = existsSync(join(root, 'tsconfig.build.json'))

/** The folder for addons/ and native/; src/io/package-root.ts looks in both. Throws SetupError when none can be written. */
export function buildFolder() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const name = createHash('sha256').update(root).digest('hex').slice(0, 8)
  const folders = [join(root, 'build'), join(CACHE, `build-${version}-${name}`)]
  const found = folders.find(isWritable)
  if (found !== undefined) return found
  throw new SetupError(
    `neither ${folders.join(' nor ')} can be written: set XDG_CACHE_HOME to a folder of yours`,
  )
}

function isWritable(folder) {
  const probe = join(folder, `.probe-${process.pid}`)
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(probe, '')
    rmSync(probe)
    return true
  } catch {
    return false
  }
}
