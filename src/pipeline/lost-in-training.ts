/** @file Images that a training cannot read: each is named once, too many end it with its state saved. Imports no torch. */
import type { LoaderOptions, LostInEpoch } from '../data/batch-loader.ts'
import { refuseLostImages } from './lost-images.ts'
import type { StageContext } from './stage.ts'

export interface LossWatch {
  /** For the loader: what it does with an image that cannot be read. */
  readonly options: Pick<LoaderOptions, 'strict' | 'onBadPicture' | 'onLost'>
  /** After the training: says how many images its worst epoch lost. */
  conclude(): void
}

/** Watches one loader; `title` is that of the training. */
export function watchLosses(
  { recipe: { strict, data }, log, onLost: tell }: Pick<StageContext, 'recipe' | 'log' | 'onLost'>,
  title: string,
): LossWatch {
  const { maxLost } = data
  let worst: LostInEpoch = { lost: 0, total: 1 }
  return {
    options: {
      strict,
      onBadPicture(picture, error) {
        tell?.(picture)
        log.warn(`${picture.id} is left out: ${error.message}`)
      },
      onLost(epoch) {
        if (epoch.lost > worst.lost) worst = epoch
        const { lost, total } = epoch
        if (lost === total || lost > maxLost * total) refuseLostImages({ title, ...epoch, maxLost, log })
      },
    },
    conclude: () => refuseLostImages({ title, ...worst, maxLost, log }),
  }
}
