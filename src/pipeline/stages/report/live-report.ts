/** @file The report of a run while it is going on: report.html, rewritten whenever something has changed. Imports no torch. */
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { methodOf } from '../../recipe/method.ts'
import type { Recipe } from '../../recipe/schema.ts'
import { type LiveStage, renderLivePage } from '../../report/index.ts'
import { existingRunFolder, type RunFolder } from '../../run/run-folder.ts'
import { workerOf } from '../../run/run-lock.ts'
import { readMarker } from '../../run/stage-marker.ts'
import { readSnapshots } from '../../training/snapshots.ts'
import { stageNames } from '../list.ts'
import { readTrainings } from './trainings.ts'

const EVERY = 5 // seconds

export interface WatchOptions {
  readonly signal: AbortSignal
  /** Called when the page was first written. */
  readonly onPage?: () => void
}

/**
 * Writes the page until the stage report has made the whole report, or the signal is aborted. It leaves the page alone once that stage
 * has begun. Returns whether the whole report is there.
 */
export async function watchRun(root: string, { signal, onPage }: WatchOptions): Promise<boolean> {
  const { run, recipe } = await existingRunFolder(root)
  let [before, told] = ['', false]
  for (;;) {
    const working = (await workerOf(run)) !== undefined
    const states = await liveStages(run, recipe, { working })
    const report = states.find(({ name }) => name === 'report')
    if (states.every(({ state }) => state === 'done')) return true
    const now = await stateOf(run, states, { working })
    if (report?.state !== 'running' && now !== before) {
      await writeLivePage({ run, recipe }, states, { working })
      before = now
      if (!told) onPage?.()
      told = true
    }
    if (signal.aborted) return false
    await sleep(1000 * EVERY, undefined, { signal }).catch(() => undefined)
  }
}

async function writeLivePage(
  { run, recipe }: { run: RunFolder; recipe: Recipe },
  stages: readonly LiveStage[],
  { working }: { working: boolean },
): Promise<void> {
  const snapshots = (await readSnapshots(run.live)).map(({ step, images }) => ({
    step,
    images: images.map(({ name, file }) => ({ name, file: `live/${file}` })),
  }))
  const page = renderLivePage({
    title: run.name,
    subtitle: methodOf(recipe).words(recipe).network,
    stages,
    trainings: await readTrainings({ recipe, run }),
    snapshots,
    refresh: working ? 2 * EVERY : undefined,
  })
  await writeFileAtomic(run.report, page)
}

/** By their markers. A stage whose inputs have changed since counts as done. */
async function liveStages(
  run: RunFolder,
  recipe: Recipe,
  { working }: { working: boolean },
): Promise<LiveStage[]> {
  const going = working ? ('running' as const) : ('stopped' as const)
  return Promise.all(
    stageNames(recipe).map(async name => {
      const marker = await readMarker(run, name)
      if (marker === undefined) return { name, state: 'to do' as const, seconds: undefined }
      const { state, started, finished } = marker
      if (state !== 'done' && going === 'stopped') return { name, state: going, seconds: undefined }
      const end = finished === null ? Date.now() : Date.parse(finished)
      const seconds = Math.max(0, (end - Date.parse(started)) / 1000)
      return { name, state: state === 'done' ? ('done' as const) : going, seconds }
    }),
  )
}

/** Changes when the page would. */
async function stateOf(
  run: RunFolder,
  stages: readonly LiveStage[],
  { working }: { working: boolean },
): Promise<string> {
  const files = [run.autoencoderMetrics, run.metrics, run.affinityMetrics, run.segmentMetrics, run.live]
  const times = await Promise.all(
    files.map(file =>
      stat(file).then(
        ({ mtimeMs, size }) => [mtimeMs, size],
        () => [],
      ),
    ),
  )
  return JSON.stringify([times, stages.map(({ name, state }) => [name, state]), working])
}
