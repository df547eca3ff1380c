/** @file Paths of the package and its native addons, from src/ and dist/src/, and its version. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Absolute path of the folder with tagmask's package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

/** Version of the package. */
export function packageVersion(): string {
  const description: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown'
}

/**
 * Path of a file of the native addons, such as manifest.json: in the package or, where that is read-only, in the cache
 * (scripts/places.mjs). Without the file, its path in the package.
 */
export function addonFile(name: string): string {
  const root = packageRoot()
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tagmask')
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 8)
  const folders = [join(root, 'build'), join(cache, `build-${packageVersion()}-${hash}`)]
  const files = folders.map(folder => join(folder, 'addons', name))
  return files.find(file => existsSync(file)) ?? files[0]!
}

/** The command that sets this package up: in a clone, or as npm has installed it. */
export function setupCommand(): string {
  return existsSync(join(packageRoot(), 'tsconfig.build.json')) ? 'npm run setup' : 'npx tagmask setup'
}
