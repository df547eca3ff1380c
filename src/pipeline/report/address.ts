/** @file Addresses on a page of the files around it. */
import { extname, relative, sep } from 'node:path'

/** A name as a part of an address; undefined for names with halves of characters, which have none. */
export function addressOf(name: string): string | undefined {
  try {
    return encodeURIComponent(name)
  } catch {
    return undefined
  }
}

const SHOWN = /^\.(jpe?g|png|webp|gif|avif)$/i // by browsers

/** Address of a photo as seen from the folder of the page; undefined where a browser cannot show it. */
export function photoAddress(folder: string, photo: string): string | undefined {
  if (!SHOWN.test(extname(photo))) return undefined
  const parts = relative(folder, photo).split(sep).map(addressOf)
  return parts.includes(undefined) ? undefined : parts.join('/')
}
