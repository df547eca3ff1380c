/** @file The header of an image: nothing is decoded. */
import { stat } from 'node:fs/promises'
import { loadSharp, type Metadata } from './sharp.ts'

/** Undefined when the file is no image with a header that can be read. */
export async function imageHeader(path: string): Promise<Metadata | undefined> {
  const sharp = loadSharp() // no fault of the file
  try {
    if (!(await stat(path)).isFile()) return undefined // a pipe would wait for its writer
    return await sharp(path, { limitInputPixels: false }).metadata()
  } catch {
    return undefined
  }
}
