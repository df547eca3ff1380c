/** @file What a training notes while it runs: metrics.jsonl, and TensorBoard's events where they are wanted. */
import { type MetricsWriter, openMetrics, readMetrics } from './metrics.ts'
import type { Position } from './position.ts'
import type { NamedImage } from './tensorboard/event.ts'
import { openEvents } from './tensorboard/events-file.ts'

/** Events for TensorBoard. */
export interface TensorboardOptions {
  /** Folder of the events of this training; created when missing. */
  readonly folder: string
  /** Images after each validation, or each epoch without one; must leave the network, random numbers and memory as they were. */
  readonly examples?: (() => Promise<readonly NamedImage[]>) | undefined
}

export interface Records extends MetricsWriter {
  /** The example images as they are after this step. */
  addExamples(step: number): Promise<void>
}

/** Opens the files for appending, without what came after the position. Throws InputError where they cannot be written. */
export async function openRecords(
  { metrics: path, tensorboard }: { metrics: string; tensorboard?: TensorboardOptions | undefined },
  at: Position,
): Promise<Records> {
  const metrics = await openMetrics(path, { resume: at })
  if (tensorboard === undefined) return { ...metrics, addExamples: async () => undefined }
  const { folder, examples } = tensorboard
  try {
    const events = await openEvents(folder, { resume: at, rows: await readMetrics(path) })
    return {
      async append(record) {
        await metrics.append(record)
        await events.append(record)
      },
      async addExamples(step) {
        if (examples !== undefined) await events.addImages(await examples(), { step })
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
