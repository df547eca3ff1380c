/** @file Fetches named weights into the cache, with progress, and checks those that are there. Imports no torch. */
import { isFile } from '../../data/image-path.ts'
import { InputError } from '../../errors.ts'
import { fetchFile, hasChecksum } from '../../io/fetch-file.ts'
import type { NamedWeight } from '../../models/named-weights.ts'
import type { Log } from '../../train/log.ts'
import type { Progress } from '../../train/progress.ts'
import { Interrupted } from '../run/stage.ts'
import { cachedFile, type Environment } from './weight-cache.ts'

export interface FetchNamedOptions {
  readonly log: Log
  readonly signal?: AbortSignal
  readonly env?: Environment
  /** Why a command that runs nothing fetches: 'the dry run reads them'. */
  readonly reason?: string | undefined
}

/**
 * The cached file, fetched first where it is absent; one that was put there by hand is compared with the published
 * checksum, too. $TAGMASK_MIRROR is an address that serves the files in place of the published ones. Throws InputError
 * saying what to fetch by hand, Interrupted after an abort.
 */
export async function fetchNamed(
  weight: NamedWeight,
  { log, signal, env = process.env, reason }: FetchNamedOptions,
): Promise<string> {
  const path = cachedFile(weight, env)
  if (await isFile(path)) {
    await checkCached(weight, path)
    return path
  }
  const address = addressOf(weight, env)
  if (address === undefined) {
    throw new InputError(weight.name, 'has no address that can be fetched', {
      expected: `fetch ${weight.file} by hand, as ${weight.page} links it, and put it at ${path}`,
    })
  }
  log.info(
    `weights: fetching ${weight.name} from ${address} (${sizeWords(weight)}; licence: ${weight.licence})${reason === undefined ? '' : `: ${reason}`}`,
  )
  let progress: Progress | undefined
  try {
    await fetchFile(address, path, {
      sha256: weight.sha256,
      bytes: weight.bytes,
      ...(signal !== undefined && { signal }),
      onWait: () => log.info(`weights: another process is fetching ${weight.name}; waiting for it`),
      onProgress({ done, total }) {
        if (total === undefined) return
        progress ??= log.progress({ title: `weights ${weight.name}`, total: megabytes(total), unit: 'MB' })
        progress.update(megabytes(done))
      },
    })
  } catch (error) {
    if (signal?.aborted)
      throw new Interrupted(`the weights ${weight.name}, which the same command goes on fetching`)
    throw error
  } finally {
    progress?.finish()
  }
  const checked =
    weight.sha256 === undefined
      ? 'nobody publishes a checksum of it: only its length was compared'
      : `its SHA-256 begins with ${weight.sha256.slice(0, 8)}, as ${weight.checksumFrom === 'its name' ? 'its name says' : 'published'}`
  log.info(`weights: ${path}; ${checked}`)
  return path
}

/** Undefined for weights that have none. */
export function addressOf(
  { address, file }: NamedWeight,
  env: Environment = process.env,
): string | undefined {
  const mirror = env.TAGMASK_MIRROR
  if (address === undefined || mirror === undefined || mirror === '') return address
  return `${mirror.replace(/\/$/, '')}/${file}`
}

async function checkCached({ name, sha256, file }: NamedWeight, path: string): Promise<void> {
  if (sha256 === undefined || (await hasChecksum(path, sha256))) return
  throw new InputError(path, `is not ${file} as published: its SHA-256 does not begin with ${sha256}`, {
    expected: `move it away, and ${name} is fetched again`,
  })
}

function sizeWords({ bytes }: NamedWeight): string {
  return bytes === undefined ? 'size not published' : `${megabytes(bytes)} MB`
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6)
}
