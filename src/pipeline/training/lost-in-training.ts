/** @file Images that a training cannot read: reported once; too many end it, with its state saved. Imports no torch. */
import type { LoaderOptions, LostInEpoch } from '../../data/batch-loader.ts'
import { collectLost } from '../images/lost-images.ts'
import type { StageContext } from '../run/stage.ts'
import type { Later } from './clean-up.ts'

export interface LossWatch {
  /** The loader's options for unreadable images. */
  readonly options: Pick<LoaderOptions, 'strict' | 'onBadImage' | 'onLost'>
  /** After the training: reports the lost ones, and throws when its worst epoch lost too many. */
  conclude(): Promise<void>
}

/** Watches one loader; `title` is that of the training. Lost images are also reported when it ends early. */
export function watchLosses(
  {
    recipe: { strict, data },
    run,
    log,
    onLost: note,
  }: Pick<StageContext, 'recipe' | 'run' | 'log' | 'onLost'>,
  title: string,
  later: Later,
): LossWatch {
  const { maxLost } = data
  const images = collectLost({ title, list: run.lostImages, log })
  let worst: LostInEpoch = { lost: 0, total: 1 }
  let last = 0
  later(() => images.tell())
  return {
    options: {
      strict,
      onBadImage(sample, error) {
        note?.(sample)
        images.add(sample, error)
      },
      async onLost(epoch) {
        const { lost, total } = epoch
        if (lost <= last) await images.tell() // another epoch has begun: each has had its turn
        last = lost
        if (lost > worst.lost) worst = epoch
        if (lost === total || lost > maxLost * total) await images.conclude({ ...epoch, maxLost })
      },
    },
    async conclude() {
      await images.tell()
      await images.conclude({ ...worst, maxLost })
    },
  }
}
