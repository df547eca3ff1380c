/** @file live/: example images of a training at some of its steps, for the live report. Imports no torch. */
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { explainWriteError, writeFileAtomic } from '../../io/atomic.ts'
import { encodeSmall } from '../../io/thumbnail.ts'
import type { NamedImage } from '../../train/tensorboard/event.ts'

/** The example images after a step. */
export interface Snapshot {
  readonly step: number
  readonly images: readonly {
    /** "CAMs/IMAGE, CLASS" */
    readonly name: string
    /** Path in the folder. */
    readonly file: string
  }[]
}

const SIDE = 160 // pixels of the longer side
const LIST = 'snapshots.jsonl'

/** Writes STEP/N.webp, then a line of the list. */
export async function addSnapshot(
  folder: string,
  drawn: readonly NamedImage[],
  { step }: { step: number },
): Promise<void> {
  await mkdir(join(folder, String(step)), { recursive: true })
  const images: Snapshot['images'][number][] = []
  for (const [i, { tag, image }] of drawn.entries()) {
    const file = `${step}/${i}.webp`
    await writeFileAtomic(join(folder, file), await encodeSmall(image, { side: SIDE }))
    images.push({ name: tag, file })
  }
  const list = join(folder, LIST)
  await appendFile(list, `${JSON.stringify({ step, images } satisfies Snapshot)}\n`).catch(
    (error: unknown) => {
      throw explainWriteError(list, error)
    },
  )
}

/** In the order of their steps; of a step that was taken twice the last. A line that is cut short is left out. */
export async function readSnapshots(folder: string): Promise<Snapshot[]> {
  const text = await readFile(join(folder, LIST), 'utf8').catch(() => '')
  const byStep = new Map<number, Snapshot>()
  for (const line of text.split('\n')) {
    const snapshot = parsed(line)
    if (snapshot !== undefined) byStep.set(snapshot.step, snapshot)
  }
  return [...byStep.values()].sort((a, b) => a.step - b.step)
}

function parsed(line: string): Snapshot | undefined {
  if (!line.startsWith('{')) return undefined // an exception for each line takes long
  try {
    const value = JSON.parse(line) as Partial<Snapshot>
    const isWhole =
      typeof value.step === 'number' &&
      Array.isArray(value.images) &&
      value.images.every(image => typeof image?.name === 'string' && typeof image?.file === 'string')
    return isWhole ? (value as Snapshot) : undefined
  } catch {
    return undefined
  }
}
