/** @file Retries an image at a smaller size when memory runs out. Imports no torch. */
import { InputError } from '../../errors.ts'
import { isOutOfMemory } from '../../io/available-memory.ts'

/** Calls `work`, and `smaller` when memory ran out. Throws InputError naming the image when it runs out again. */
export async function tryTwice<T>(
  { id, image = id }: { readonly id: string; readonly image?: string },
  work: () => Promise<T>,
  smaller?: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof InputError || !isOutOfMemory(error)) throw error
    if (smaller !== undefined) return tryTwice({ id, image }, smaller)
    const [reason] = (error as Error).message.split(/; called with|\n/)
    throw new InputError(image, `there is not enough memory for it (${reason})`, {
      expected: 'free memory, or give a smaller image',
      cause: error,
    })
  }
}
