/** @file A training's events for TensorBoard: one more file for each start. Whole up to its last event whenever the process is killed. */
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { explainWriteError } from '../../io/atomic.ts'
import { frameRecord } from '../../io/tfrecord.ts'
import type { MetricsRecord } from '../metrics.ts'
import type { Position } from '../position.ts'
import { imageEvent, type NamedImage, scalarsEvent, startEvent, versionEvent } from './event.ts'

export interface EventsWriter {
  append(record: MetricsRecord): Promise<void>
  addImages(images: readonly NamedImage[], options: { step: number }): Promise<void>
  close(): Promise<void>
}

/** Where a training goes on. */
export interface EventsStart {
  readonly resume: Pick<Position, 'batch' | 'step' | 'validated'>
  /** The records of the metrics that stand. */
  readonly rows: readonly MetricsRecord[]
}

/**
 * Starts a new file in the folder, which is made. No step is shown twice: what earlier files have from the resumed step on is
 * withdrawn. Without earlier files it begins with all rows. Throws InputError on a full disk or a read-only folder.
 */
export async function openEvents(folder: string, { resume, rows }: EventsStart): Promise<EventsWriter> {
  const explained = async <T>(path: string, work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw explainWriteError(path, error)
    })
  await explained(folder, mkdir(folder, { recursive: true }))
  const earlier = (await readdir(folder)).flatMap(name => NAME.exec(name)?.[1] ?? []).map(Number)
  const from = earlier.length === 0 ? 0 : firstOpen(resume)
  const path = join(folder, nameAfter(earlier))
  const file: FileHandle = await explained(path, open(path, 'ax'))
  const write = (events: readonly Uint8Array[]): Promise<void> =>
    explained(path, file.appendFile(Buffer.concat(events.map(frameRecord))))
  const again = rows.filter(({ step }) => step >= from)
  try {
    await write([versionEvent(), startEvent(from), ...again.map(scalarsEvent)])
  } catch (error) {
    await file.close()
    throw error
  }
  return {
    append: record => write([scalarsEvent(record)]),
    async addImages(images, { step }) {
      await write(await Promise.all(images.map(one => imageEvent(one, { step }))))
    },
    close: () => file.close(),
  }
}

const NAME = /^events\.out\.tfevents\.(\d+)\./

/** TensorBoard reads the files of a folder in the order of their names: the seconds are more than those of any before. */
function nameAfter(earlier: readonly number[]): string {
  const seconds = Math.max(Math.floor(Date.now() / 1000), ...earlier.map(one => one + 1))
  const host = hostname().replaceAll(/[^\w.-]/g, '_')
  return `events.out.tfevents.${String(seconds).padStart(10, '0')}.${host}.${process.pid}`
}

/**
 * The first step whose events do not all stand. An epoch's end and a validation have the step before them; where the state is
 * of before that end or validation, they come again, and that step is withdrawn as a whole.
 */
function firstOpen({ batch, step, validated }: EventsStart['resume']): number {
  return batch === 0 || validated === step ? step : step - 1
}
