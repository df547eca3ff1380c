/** @file Limits on the memory a file may claim, by its size. Readers check them before they allocate anything. */
import { InputError } from '../errors.ts'

/** Open brackets, marks or indents at once. Python itself stops at 1000; real files nest a few deep. */
export const MAX_DEPTH = 1000

/** Axes of an array: PyTorch's own limit, and numpy's. */
export const MAX_AXES = 64

/** Entries of an archive, rows of a table: twice the images of the largest sets that people keep in one. */
export const MAX_ENTRIES = 1_000_000

/** Cells of a table: a million rows of twenty columns. */
export const MAX_CELLS = 20_000_000

/** Bytes that any file may claim, however small it is. */
const FREE_BYTES = 64 * 2 ** 20

/** Bytes of copies (expanded, transposed or widened arrays, repeated texts) per byte of the file. */
const COPY_RATIO = 8

/** Inflated bytes per byte of the archive: masks and zeros pack well; deflate's own limit is 1032. */
const INFLATE_RATIO = 100

/** Bytes of pixels per byte of an image: PNG and JPEG reach a thousand, on blank paper. */
const PIXEL_RATIO = 2000

const EXPECTED = 'a file that is neither damaged nor made to fill the memory'

/** The bytes that one file may still claim. */
export class Budget {
  readonly #file: string
  readonly #fileBytes: number
  readonly #allowed: number
  #spent = 0

  private constructor(file: string, fileBytes: number, ratio: number) {
    this.#file = file
    this.#fileBytes = fileBytes
    this.#allowed = FREE_BYTES + ratio * fileBytes
  }

  /** For copies of what the file holds: 64 MiB and eight times its size. */
  static forCopies(file: string, fileBytes: number): Budget {
    return new Budget(file, fileBytes, COPY_RATIO)
  }

  /** For what its packed entries hold: 64 MiB and a hundred times its size. */
  static forInflating(file: string, fileBytes: number): Budget {
    return new Budget(file, fileBytes, INFLATE_RATIO)
  }

  /** For the pixels of an image: 64 MiB (22 megapixels) and two thousand times its size. */
  static forPixels(file: string, fileBytes: number): Budget {
    return new Budget(file, fileBytes, PIXEL_RATIO)
  }

  /** Throws InputError when these bytes exceed the limit of the file. */
  spend(bytes: number, field?: string): void {
    this.#spent += bytes
    if (this.#spent <= this.#allowed) return
    const problem = `asks for ${megabytes(this.#spent)} of memory, which a file of ${megabytes(this.#fileBytes)} cannot need`
    throw new InputError(this.#file, problem, {
      ...(field === undefined ? {} : { field }),
      expected: EXPECTED,
    })
  }
}

/** "3100 MB", "0.002 MB": one unit, so that the two can be compared at a glance. */
export function megabytes(bytes: number): string {
  const size = bytes / 1e6
  return `${size >= 1 ? Math.round(size) : Number(size.toPrecision(1))} MB`
}
