/** @file Tensors summed by the first part of their names. Pure. */
import { elementCount } from '../../io/tensor-data.ts'
import type { ModuleSize, NamedTensor } from './inspection.ts'

/** In the order of the names. Where all names share a first part, as in module.blocks.0.norm1.weight, the next one counts. */
export function moduleSizes(tensors: readonly Pick<NamedTensor, 'name' | 'shape'>[]): ModuleSize[] {
  const prefix = sharedPrefix(tensors.map(({ name }) => name))
  const sizes = new Map<string, number>()
  for (const { name, shape } of tensors) {
    const module = prefix + name.slice(prefix.length).split('.')[0]
    sizes.set(module, (sizes.get(module) ?? 0) + elementCount(shape))
  }
  return [...sizes].map(([name, values]) => ({ name, values }))
}

/** 'module.' of module.a.weight and module.b.weight; each name keeps a part of its own. */
function sharedPrefix(names: readonly string[]): string {
  let prefix = ''
  for (;;) {
    const [first] = names
    const part = first?.slice(prefix.length).split('.')
    if (part === undefined || part.length < 2) return prefix
    const longer = `${prefix}${part[0]}.`
    if (!names.every(name => name.startsWith(longer))) return prefix
    prefix = longer
  }
}
