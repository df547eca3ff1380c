/** @file Images that a training cannot read: reported once; too many end it, with its state saved. Imports no torch. */
import type { LoaderOptions, LostInEpoch } from '../../data/batch-loader.ts'
import type { Sample } from '../../data/sample.ts'
import { InputError } from '../../errors.ts'
import { collectLost } from '../images/lost-images.ts'
import { leads, type StageContext } from '../run/stage.ts'
import type { Later } from './clean-up.ts'

export interface LossWatch {
  /** The loader's options for unreadable images. */
  readonly options: Pick<LoaderOptions, 'strict' | 'onBadImage' | 'onLost'>
  /** After the training: reports the lost ones, and throws when its worst epoch lost too many. */
  conclude(): Promise<void>
}

/**
 * Watches one loader; `title` is that of the training. Lost images are also reported when it ends early. `shared`: where there
 * are several processes each has its part of the images, and process 0 reports for all.
 */
export function watchLosses(
  {
    recipe: { strict, data },
    run,
    log,
    processes,
    onLost: note,
  }: Pick<StageContext, 'recipe' | 'run' | 'log' | 'processes' | 'onLost'>,
  title: string,
  later: Later,
  { shared = true }: { shared?: boolean } = {},
): LossWatch {
  const { maxLost } = data
  const images = leads({ processes })
    ? collectLost({ title, list: run.lostImages, log })
    : collectLost({ title, log })
  const found: LostElsewhere[] = []
  let worst: LostInEpoch = { lost: 0, total: 1 }
  let last = 0
  later(() => images.tell())
  return {
    options: {
      strict,
      onBadImage(sample, error) {
        note?.(sample)
        images.add(sample, error)
        found.push({ id: sample.id, report: reportOf(error) })
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
      const all = shared ? await processes?.gather(found) : undefined
      for (const { id, report } of all?.slice(1).flat() ?? []) {
        note?.({ id })
        images.add({ id }, new InputError(report.file, report.problem, report))
      }
      await images.tell()
      await images.conclude({ ...worst, maxLost })
    },
  }
}

/** As a process tells process 0 of it. */
interface LostElsewhere {
  readonly id: Sample['id']
  readonly report: { file: string; problem: string; field?: string; expected?: string }
}

function reportOf({ file, problem, field, expected }: InputError): LostElsewhere['report'] {
  return { file, problem, ...(field !== undefined && { field }), ...(expected !== undefined && { expected }) }
}
