/** @file Images that pass through the network together: the same ones, to the bit, however often a pass was stopped. Imports no torch. */
import type { Sample } from '../../data/sample.ts'
import { imageSize } from '../../io/image-size.ts'
import { inParallel } from './in-parallel.ts'
import type { Size } from './step-memory.ts'

export interface GroupOptions {
  /** Those to be looked at; groups without any are left out. */
  readonly open: readonly Sample[]
  /** Pixels of an image in the network, from its own size. */
  readonly pixelsOf: (own: Size) => number
  /** Pixels of a group at most, but for an image alone. */
  readonly together: number
}

/** A group never crosses a multiple of it in the list, so that what is open changes no other group. */
export const BLOCK = 32

/**
 * Groups of neighbours of one size among `samples`. Kernels may round otherwise for another number of images, so an open
 * image brings those along that it was grouped with when nothing was done yet.
 */
export async function imageGroups(
  samples: readonly Sample[],
  { open, pixelsOf, together }: GroupOptions,
): Promise<Sample[][]> {
  const wanted = new Set(open.map(({ id }) => id))
  const blocks = Array.from({ length: Math.ceil(samples.length / BLOCK) }, (_, i) =>
    samples.slice(i * BLOCK, (i + 1) * BLOCK),
  ).filter(block => block.some(({ id }) => wanted.has(id)))
  const sizes = new Map<string, Size>()
  await inParallel(blocks.flat(), async ({ id, image }) => {
    const size = await imageSize(image)
    if (size !== undefined) sizes.set(id, size)
  })
  const groupsOf = (block: readonly Sample[]): Sample[][] => {
    const groups: Sample[][] = []
    for (const sample of block) {
      const last = groups.at(-1)
      const size = sizes.get(sample.id)
      const before = last && sizes.get(last[0]!.id)
      const fits = (count: number): boolean => size !== undefined && count * pixelsOf(size) <= together
      const joins = size?.width === before?.width && size?.height === before?.height && last !== undefined
      if (joins && fits(last.length + 1)) last.push(sample)
      else groups.push([sample])
    }
    return groups
  }
  return blocks.flatMap(groupsOf).filter(group => group.some(({ id }) => wanted.has(id)))
}
