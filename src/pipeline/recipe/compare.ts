/** @file Differing keys of two recipes, and the keys that cannot change a result. */
import { checkpointFields } from '../../methods/train-recipe.ts'
import type { Recipe } from './schema.ts'

/** Keys that change where and how fast a run works, not what it computes; a run may be resumed with others. */
export const NEUTRAL_KEYS: readonly string[] = [
  'data.root',
  'data.tags',
  'data.workers',
  'data.cacheMegabytes',
  'data.maxLost',
  ...['autoencoder', 'train', 'affinity', 'segment'].flatMap(section =>
    Object.keys(checkpointFields).map(key => `${section}.${key}`),
  ),
  'keep',
  'report.tensorboard',
  'report.live',
  'device',
  'threads',
  'strict',
]

export interface Difference {
  readonly key: string
  /** Undefined where the key is absent. */
  readonly before: unknown
  readonly now: unknown
}

/** Keys with different values, dotted, sorted; lists are compared as a whole. */
export function differingKeys(before: Recipe, now: Recipe): Difference[] {
  const left = flattenKeys(before)
  const right = flattenKeys(now)
  return [...new Set([...left.keys(), ...right.keys()])]
    .sort()
    .map(key => ({ key, before: left.get(key), now: right.get(key) }))
    .filter(({ before, now }) => JSON.stringify(before) !== JSON.stringify(now))
}

/** True for a key that cannot change a result. */
export function isNeutralKey(key: string): boolean {
  return NEUTRAL_KEYS.includes(key)
}

/** Dotted keys with their values; sections are opened, lists are not. */
export function flattenKeys(value: object, prefix = ''): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([name, child]: [string, unknown]): [string, unknown][] =>
      typeof child === 'object' && child !== null && !Array.isArray(child)
        ? [...flattenKeys(child, `${prefix}${name}.`)]
        : [[`${prefix}${name}`, child]],
    ),
  )
}
