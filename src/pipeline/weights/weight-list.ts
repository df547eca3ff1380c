/** @file `tagmask weights list`: every named weight, and whether it is in the cache. Imports no torch. */
import { isFile } from '../../data/image-path.ts'
import { textTable } from '../../io/text-table.ts'
import { NAMED_WEIGHTS, type NamedWeight } from '../../models/named-weights.ts'
import { numbers } from './normalisation.ts'
import { cachedFile, type Environment, weightCache } from './weight-cache.ts'

export interface ListedWeight extends NamedWeight {
  /** Its file in the cache; null where it is not there. */
  readonly cached: string | null
}

export function listWeights(env: Environment = process.env): Promise<ListedWeight[]> {
  return Promise.all(
    NAMED_WEIGHTS.map(async weight => {
      const file = cachedFile(weight, env)
      return { ...weight, cached: (await isFile(file)) ? file : null }
    }),
  )
}

/** A table, then the address of each. */
export function weightsText(weights: readonly ListedWeight[], env: Environment = process.env): string {
  const rows = weights.map(weight => [
    weight.name,
    weight.what,
    weight.bytes === undefined ? 'not published' : `${(weight.bytes / 1e6).toFixed(1)} MB`,
    checksumWords(weight),
    weight.licence,
    weight.cached === null ? '' : 'yes',
  ])
  const titles = ['name', 'weights', 'size', 'SHA-256', 'licence', 'here'].map(title => ({ title }))
  const addresses = weights.map(
    ({ name, address, page, file, normalisation }) =>
      `  ${name}: ${address ?? `by hand: ${file}, linked from ${page}`}; pixels: ${numbers(normalisation)}`,
  )
  return [textTable(titles, rows), '', `cache: ${weightCache(env)}`, ...addresses].join('\n')
}

function checksumWords({ sha256, checksumFrom }: NamedWeight): string {
  if (sha256 === undefined) return 'not published'
  return `${sha256.slice(0, 8)}... (${checksumFrom})`
}
