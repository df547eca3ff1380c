/** @file sharp, loaded when it is first called: what reads no image starts a fifth of a second sooner. */
import { createRequire } from 'node:module'
import type open from 'sharp'
import type { Sharp, SharpInput, SharpOptions } from 'sharp'

export type { Metadata, Sharp } from 'sharp'

let loaded: typeof open | undefined

/** By require, which opens its forty files in half the time of an import. */
export function loadSharp(): typeof open {
  if (loaded === undefined) {
    loaded = createRequire(import.meta.url)('sharp') as typeof open
    loaded.cache(false) // every image is decoded once; libvips' cache would only hold memory
  }
  return loaded
}

/** An image from a path or bytes. */
export function sharp(input: SharpInput, options?: SharpOptions): Sharp {
  return loadSharp()(input, options)
}
