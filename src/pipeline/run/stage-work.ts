/** @file Runs one stage: writes its marker first, clears obsolete files, and marks it done once its files exist. Imports no torch. */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { packageVersion } from '../../io/package-root.ts'
import type { Log } from '../../train/log.ts'
import { changedByPeople, filesOfPeople, noteMade } from './made-files.ts'
import { fromHere, type RunFolder } from './run-folder.ts'
import type { Stage, StageContext, StageDefinition, StageName } from './stage.ts'
import { type InputSources, imagesOf } from './stage-inputs.ts'
import {
  noteLost,
  readMarker,
  readNotes,
  removeNotes,
  type StageMarker,
  writeMarker,
  writeNotes,
} from './stage-marker.ts'
import { clearOutputs, listOutputs, refuseNothingMade, removeSpent, sameMade } from './stage-outputs.ts'
import { lostImages, type StageState } from './stage-state.ts'
import { takeOver } from './take-stage.ts'

export interface StageWork {
  readonly work: Stage
  readonly context: StageContext
  readonly state: StageState
  readonly sources: InputSources
  /** Rerun from the start, even where files could stay. */
  readonly force: boolean
}

/** Marks the stage as running, and clears what is obsolete. */
export async function beginStage(
  stage: StageDefinition,
  { context: { run, log }, state, sources, force }: Omit<StageWork, 'work'>,
): Promise<{ now: StageMarker; fresh: boolean }> {
  const { name } = stage
  const fresh = force || state.todo === 'fresh'
  if (!force) sayWhy(name, state, log)
  const going = !fresh && state.marker?.state === 'running' ? state.marker : undefined
  const now: StageMarker = {
    stage: name,
    state: 'running',
    id: (fresh ? undefined : state.marker?.id) ?? newId(),
    revision: newId(),
    ...state.inputs,
    version: packageVersion(),
    started: going?.started ?? new Date().toISOString(),
    finished: null,
  }
  if (fresh) {
    await writeMarker(run, { ...now, state: 'clearing' })
    await clearOutputs(run, stage, { changed: (await changedByPeople(run, stage)).length > 0, log })
    await removeNotes(run, name)
    await writeNotes(run, name, { images: contentsNow(stage, sources) })
  }
  await writeMarker(run, now)
  if (!fresh) {
    if (stage.filesOfImage !== undefined) await writeNotes(run, name, { images: contentsNow(stage, sources) })
    for (const file of state.damaged) await rm(join(run.root, file), { force: true })
  }
  return { now, fresh }
}

/** Runs or resumes a stage. It is marked done once it has returned and written something. */
export async function workOn(stage: StageDefinition, options: StageWork): Promise<void> {
  const { work, context } = options
  const { name } = stage
  const { run } = context
  const { now, fresh } = await beginStage(stage, options)
  const before = new Set(await filesOfPeople(run, stage))
  const lost = new Set<string>()
  await work({
    ...context,
    onLost({ id }) {
      if (!lost.has(id)) noteLost(run, name, id)
      lost.add(id)
    },
  })
  await noteMade(run, stage, before)
  await finish(stage, { ...options, now, fresh, lost })
}

/** Notes the files and the lost images, then marks the stage done. */
async function finish(
  stage: StageDefinition,
  {
    context,
    state,
    sources,
    now,
    fresh,
    lost,
  }: StageWork & { now: StageMarker; fresh: boolean; lost: ReadonlySet<string> },
): Promise<void> {
  const { run, recipe } = context
  const { name } = stage
  const before = fresh ? {} : state.notes.files
  const files = await listOutputs(run, stage)
  refuseNothingMade(run, stage, { before, now: files })
  const images = imagesOf(stage, sources)
  const contents = contentsNow(stage, sources)
  const earlier = new Set(fresh ? [] : state.notes.lost)
  const still = images.filter(({ key, id }) => earlier.has(id) && state.notes.images[key] === contents[key])
  const named = [...new Set([...lost, ...still.map(({ id }) => id)])]
  for (const { key, file } of lostImages(stage, images, { lost: named, files, run, recipe }))
    contents[key] = await sources.contents.again(file)
  const wasDone = Object.keys(before).length > 0
  const id = wasDone && !sameMade(before, files) ? newId() : now.id
  if (id !== now.id) await writeMarker(run, { ...now, id }) // before the list that it is derived from
  await writeNotes(run, name, { images: contents, files, lost: named })
  await writeMarker(run, { ...now, id, state: 'done', finished: new Date().toISOString() })
  if (recipe.keep === 'needed') await removeSpent(run, stage)
}

/** Reuses the files of another run on the same inputs. */
export async function takeFrom(
  twin: RunFolder,
  stage: StageDefinition,
  { run, log }: StageContext,
): Promise<void> {
  const { name } = stage
  const [marker, notes] = [await readMarker(twin, name), await readNotes(twin, name)]
  if (marker === undefined) return
  await writeMarker(run, { ...marker, state: 'clearing' })
  await clearOutputs(run, stage, { changed: false, log })
  await removeNotes(run, name)
  const to = stage.outputs(run)
  for (const [i, { path }] of stage.outputs(twin).entries()) await takeOver(path, to[i]!.path)
  await writeNotes(run, name, notes)
  await writeMarker(run, { ...marker, takenFrom: relative(run.root, twin.root) })
  log.info(`${name}: reused from ${fromHere(twin.root)}, which has the same inputs`)
}

function sayWhy(name: StageName, { todo, why }: StageState, log: Log): void {
  if (why !== undefined) log.info(`${name}: ${todo === 'fresh' ? 'rerun' : 'resumed'}, since ${why}`)
}

function contentsNow(stage: StageDefinition, sources: InputSources): Record<string, string> {
  return Object.fromEntries(imagesOf(stage, sources).map(({ key, file }) => [key, sources.contents.of(file)]))
}

function newId(): string {
  return randomBytes(8).toString('hex')
}
