/** @file Variants of an ablation, each a name and the keys it sets. Imports no torch. */
import { InputError } from '../../errors.ts'
import type { AblationVariant } from '../../methods/definition.ts'
import { nearestName } from '../../nearest-name.ts'
import { parseSet } from '../recipe/overrides.ts'
import type { Recipe } from '../recipe/schema.ts'

/** Variants of WeakTr's gradient clipping: none, and half and twice its start value and patch size. */
export function clippingVariants({ segment }: Recipe): readonly AblationVariant[] {
  if (segment === null || segment.clipping === null) return []
  const { cropSize, clipping } = segment
  const { startValue, patchSize } = clipping
  const fits = (side: number): boolean => Number.isInteger(side) && cropSize % side === 0
  return [
    { name: 'clipping', set: [] },
    { name: 'no-clipping', set: ['segment.clipping=null'] },
    ...[startValue / 2, startValue * 2].map(value => ({
      name: `start-${value}`,
      set: [`segment.clipping.startValue=${value}`],
    })),
    ...[patchSize / 2, patchSize * 2, cropSize].filter(fits).map(side => ({
      name: `patch-${side}`,
      set: [`segment.clipping.patchSize=${side}`],
    })),
  ]
}

/** It names a folder. */
export const VARIANT_NAME = /^[a-z0-9][\w.+-]*$/i
export const VARIANT_NAME_RULE = 'letters, digits and . _ + - make a name'

/** Reads `name=key=value,key=value`; `name=` is the recipe unchanged. A comma separates settings only before a
 * key and =. Throws InputError for a name that is no file name, and as `parseSet` for a setting. */
export function parseVariant(text: string): AblationVariant {
  const at = text.indexOf('=')
  const name = text.slice(0, at)
  if (!VARIANT_NAME.test(name) || at < 0) {
    throw new InputError(`--variant ${text}`, 'does not begin with a name', {
      expected: `write --variant name=key=value,key=value; ${VARIANT_NAME_RULE}`,
    })
  }
  const settings = text.slice(at + 1)
  const set = settings === '' ? [] : settings.split(/,(?=\s*[a-z]\w*(?:\.\w+)*\s*=)/i).map(one => one.trim())
  for (const one of set) parseSet(one)
  return { name, set }
}

/** The variants of these names, in that order. Throws InputError for an unknown name. */
export function pickVariants(all: readonly AblationVariant[], names: readonly string[]): AblationVariant[] {
  const known = all.map(({ name }) => name)
  return names.map(name => {
    const found = all.find(variant => variant.name === name)
    if (found !== undefined) return found
    const near = nearestName(name, known)
    throw new InputError('--variants', `there is no variant ${name}`, {
      expected: near === undefined ? `variants are ${known.join(', ')}` : `did you mean ${near}?`,
    })
  })
}
