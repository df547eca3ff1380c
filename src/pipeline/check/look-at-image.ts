/** @file One image, read to its end once: content, size, and what is unusual about it. */
import { createHash } from 'node:crypto'
import { InputError } from '../../errors.ts'
import { decodeFile, decodeToEnd } from '../../io/image.ts'
import type { Metadata } from '../../io/sharp.ts'
import type { MemoryGate } from '../images/memory-gate.ts'
import type { FileKind } from './problem-kinds.ts'
import type { ProblemList } from './problem-list.ts'

export interface SeenImage {
  /** Hash of the file. */
  readonly content: string
  /** Upright. */
  readonly width: number
  readonly height: number
  /** EXIF orientation, 1 to 8, and the size as stored. */
  readonly orientation: number
  readonly stored: { readonly width: number; readonly height: number }
}

export interface LookOptions {
  /** Side of a patch, pixels: smaller images are left out of a run. */
  readonly patchSize: number
  readonly gate: MemoryGate
  readonly problems: ProblemList
}

const WORK_CHANNELS = 8 // bytes a pixel while it is decoded, of 16 bits with alpha

/** Undefined for an image that cannot be read, which is a problem. */
export async function lookAtImage(
  file: string,
  { patchSize, gate, problems }: LookOptions,
): Promise<SeenImage | undefined> {
  try {
    const seen = await decodeFile(file, async (bytes, metadata): Promise<SeenImage> => {
      const release = await gate.enter(metadata.width * metadata.height * WORK_CHANNELS)
      try {
        await decodeToEnd(bytes, metadata)
        noteKinds(file, metadata, problems)
        const { width, height, orientation = 1 } = metadata
        const turned = orientation >= 5
        return {
          content: createHash('sha256').update(bytes).digest('base64'),
          width: turned ? height : width,
          height: turned ? width : height,
          orientation,
          stored: { width, height },
        }
      } finally {
        release()
      }
    })
    if (Math.min(seen.width, seen.height) < patchSize)
      problems.add('small-image', {
        file,
        problem: `has ${seen.width} x ${seen.height} pixels, less than a patch of ${patchSize}`,
        expected: 'it is left out: take a larger copy',
      })
    return seen
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    const isDamaged = isUndecoded(error)
    problems.add('unreadable-image', {
      file,
      problem: isDamaged ? 'cannot be decoded' : error.problem,
      expected: isDamaged
        ? 'it is damaged or cut short: copy it again from where it came from, or take it out'
        : error.expected,
    })
    return undefined
  }
}

/** Whether the error gives libvips' words, which differ from run to run, as those of several threads are mixed. */
export function isUndecoded({ cause, problem }: InputError): boolean {
  return cause !== undefined && problem.startsWith('cannot be decoded')
}

function noteKinds(
  file: string,
  { space, depth, channels, hasAlpha, orientation = 1, pages = 1 }: Metadata,
  problems: ProblemList,
): void {
  const notes: [FileKind, boolean, string][] = [
    ['turned', orientation > 1, `is stored turned (EXIF orientation ${orientation})`],
    ['grey', channels < 3, 'is grey'],
    ['cmyk', space === 'cmyk', 'is CMYK'],
    ['deep', depth === 'ushort', 'has 16 bits for each channel'],
    ['transparent', hasAlpha && space !== 'cmyk', 'has an alpha channel'],
    ['paged', pages > 1, `has ${pages} pages or frames`],
  ]
  for (const [kind, isSo, problem] of notes) if (isSo) problems.add(kind, { file, problem })
}
