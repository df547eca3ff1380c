/** @file Where named weights are kept, and what `--weights` means: a file, or a name. Imports no torch. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { NAMED_WEIGHTS, type NamedWeight, namedWeight } from '../../models/named-weights.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** $TAGMASK_CACHE, or tagmask/weights in the user's cache ($XDG_CACHE_HOME, ~/.cache). Absolute. */
export function weightCache(env: Environment = process.env): string {
  const { TAGMASK_CACHE: own, XDG_CACHE_HOME: xdg } = env
  if (own !== undefined && own !== '') return resolve(own)
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache')
  return join(base, 'tagmask', 'weights')
}

/** The file that holds named weights once they are fetched. */
export function cachedFile({ file }: NamedWeight, env: Environment = process.env): string {
  return join(weightCache(env), file)
}

/** The absolute path that a value of a key or flag stands for: of the file, or of the cached one of a name that no file here has. */
export function weightsPath(value: string, env: Environment = process.env): string {
  const named = namedWeight(value)
  return named === undefined || existsSync(value) ? resolve(value) : cachedFile(named, env)
}

/** As weightsPath, for commands that fetch nothing: throws InputError for a name that is not in the cache. */
export function presentWeights(value: string, env: Environment = process.env): string {
  const path = weightsPath(value, env)
  if (namedWeight(value) === undefined || existsSync(value) || existsSync(path)) return path
  throw new InputError(value, 'is not in the cache', { expected: `tagmask weights fetch ${value}` })
}

/** The named weights that a path of the cache is for; undefined for other files. */
export function cachedWeight(path: string, env: Environment = process.env): NamedWeight | undefined {
  return NAMED_WEIGHTS.find(weight => cachedFile(weight, env) === path)
}
