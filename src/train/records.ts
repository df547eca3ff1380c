/** @file What a training notes while it runs: metrics.jsonl, and, where they are wanted, TensorBoard's events and example images. */
import { type MetricsWriter, openMetrics, readMetrics } from './metrics.ts'
import type { Position } from './position.ts'
import type { NamedImage } from './tensorboard/event.ts'
import { openEvents } from './tensorboard/events-file.ts'

/** Images after each validation, or each epoch without one. */
export interface ExampleImages {
  /** Must leave the network, random numbers and memory as they were. */
  readonly draw: () => Promise<readonly NamedImage[]>
  /** Shows them elsewhere than in TensorBoard. */
  readonly show?:
    | ((images: readonly NamedImage[], at: { readonly step: number }) => Promise<void>)
    | undefined
}

export interface RecordOptions {
  /** File of the metrics. */
  readonly metrics: string
  /** Folder of TensorBoard's events of this training, created when missing; none when not given. */
  readonly tensorboard?: string | undefined
  readonly examples?: ExampleImages | undefined
}

export interface Records extends MetricsWriter {
  /** The example images as they are after this step. */
  addExamples(step: number): Promise<void>
}

/** Opens the files for appending, without what came after the position. Throws InputError where they cannot be written. */
export async function openRecords(
  { metrics: path, tensorboard: folder, examples }: RecordOptions,
  at: Position,
): Promise<Records> {
  const metrics = await openMetrics(path, { resume: at })
  if (folder === undefined)
    return {
      ...metrics,
      async addExamples(step) {
        if (examples?.show !== undefined) await examples.show(await examples.draw(), { step })
      },
    }
  try {
    const events = await openEvents(folder, { resume: at, rows: await readMetrics(path) })
    return {
      async append(record) {
        await metrics.append(record)
        await events.append(record)
      },
      async addExamples(step) {
        if (examples === undefined) return
        const images = await examples.draw()
        await events.addImages(images, { step })
        await examples.show?.(images, { step })
      },
      async close() {
        await metrics.close()
        await events.close()
      },
    }
  } catch (error) {
    await metrics.close()
    throw error
  }
}

/** Of a process that writes nothing. */
export function noRecords(): Records {
  const nothing = async (): Promise<void> => undefined
  return { append: nothing, addExamples: nothing, close: nothing }
}
