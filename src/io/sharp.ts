/** @file sharp, loaded when it is first called: what reads no image starts a fifth of a second sooner. */
import { createRequire } from 'node:module'
import type open from 'sharp'
import type { Sharp, SharpInput, SharpOptions } from 'sharp'
import { TagmaskError } from '../errors.ts'

export type { Metadata, Sharp } from 'sharp'

let loaded: typeof open | undefined

/**
 * By require, which opens its forty files in half the time of an import. Throws TagmaskError where the package is missing or does
 * not load: no fault of an image, so what skips bad images calls this first.
 */
export function loadSharp(): typeof open {
  if (loaded !== undefined) return loaded
  try {
    loaded = createRequire(import.meta.url)('sharp') as typeof open
  } catch (cause) {
    const [why] = (cause instanceof Error ? cause.message : String(cause)).split('\n') // without the require stack
    throw new TagmaskError(
      `the package sharp, which reads images, cannot be loaded (${why}): install the npm packages again, in a clone with npm ci`,
      { cause },
    )
  }
  loaded.cache(false) // every image is decoded once; libvips' cache would only hold memory
  return loaded
}

/** An image from a path or bytes. */
export function sharp(input: SharpInput, options?: SharpOptions): Sharp {
  return loadSharp()(input, options)
}
