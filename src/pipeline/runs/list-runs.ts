/** @file `tagmask runs`: what each run is, how far it is, and what it has scored. Imports no torch, changes nothing. */
import { readFile, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Ablation } from '../ablate/ablation-table.ts'
import { inParallel } from '../images/in-parallel.ts'
import { parseRecipe } from '../recipe/load.ts'
import type { Recipe } from '../recipe/schema.ts'
import { isTree } from '../recipe/tree.ts'
import { runNames } from '../run/find-run.ts'
import { type RunFolder, runFolder } from '../run/run-folder.ts'
import { workerOf } from '../run/run-lock.ts'
import { readMarker, readNotes } from '../run/stage-marker.ts'
import { stagesOf } from '../stages/list.ts'
import { bytesOf, filesBelow } from './run-files.ts'
import { type RunScore, readRunScores } from './run-scores.ts'

export interface RunSummary {
  /** NAME, or GROUP/NAME. */
  readonly name: string
  readonly folder: string
  /** The recipe that it was started with, where that is known. */
  readonly recipe: string | null
  /** Null for a recipe of an older tagmask. */
  readonly method: string | null
  readonly data: { readonly name: string | null; readonly images: number | null }
  readonly stages: readonly StageSummary[]
  /** Of the process that works on it now. */
  readonly process: number | null
  readonly scores: readonly RunScore[]
  readonly bytes: number
  /** When a stage last began or ended, ISO. */
  readonly date: string
}

export interface StageSummary {
  readonly name: string
  /** `begun`: it works, or was stopped. */
  readonly state: 'done' | 'begun' | 'open'
}

/** A folder of related runs with their table. */
export interface AblationSummary {
  readonly folder: string
  readonly recipe: string
  readonly rows: Ablation['rows']
}

export interface RunList {
  /** Newest first. */
  readonly runs: readonly RunSummary[]
  readonly ablations: readonly AblationSummary[]
}

/** All runs in a folder of runs, also those of ablations; with `beginnings` those whose names begin with one of them. */
export async function listRuns(
  runs = 'runs',
  { beginnings = [] }: { beginnings?: readonly string[] } = {},
): Promise<RunList> {
  const all = await runNames(runs)
  const names =
    beginnings.length === 0 ? all : all.filter(name => beginnings.some(one => name.startsWith(one)))
  const found: RunSummary[] = []
  await inParallel(names, async name => {
    found.push(await summariseRun(runFolder(join(runs, name)), name))
  })
  found.sort((a, b) => (a.date === b.date ? (a.name < b.name ? -1 : 1) : a.date < b.date ? 1 : -1))
  const groups = [...new Set(names.flatMap(name => name.split(/[/\\]/).slice(0, -1)))]
  const ablations = await Promise.all(groups.map(group => readAblation(resolve(runs, group), group)))
  return { runs: found, ablations: ablations.flatMap(one => (one === undefined ? [] : [one])) }
}

/** One run. */
export async function summariseRun(run: RunFolder, name: string): Promise<RunSummary> {
  const text = await readFile(run.recipe, 'utf8').catch(() => '')
  const recipe = recipeOf(text, run)
  const stages = recipe === undefined ? [] : stagesOf(recipe)
  const markers = await Promise.all(stages.map(stage => readMarker(run, stage.name)))
  const times = markers.flatMap(marker => [marker?.started, marker?.finished])
  const [holder, scores, files, sessions] = await Promise.all([
    workerOf(run).catch(() => undefined),
    readRunScores(run),
    filesBelow(run.root),
    readFile(run.sessions, 'utf8').catch(() => ''),
  ])
  const dates = times.flatMap(time => (typeof time === 'string' ? [time] : []))
  const made = dates.sort().at(-1) ?? lastSession(sessions) ?? (await stat(run.root)).mtime.toISOString()
  return {
    name,
    folder: run.root,
    recipe: recipeOfCommand(sessions),
    method: recipe?.method ?? null,
    data: { name: recipe === undefined ? null : dataName(recipe), images: await countImages(run, recipe) },
    stages: stages.map(({ name }, i) => ({
      name,
      state: markers[i] === undefined ? 'open' : markers[i].state === 'done' ? 'done' : 'begun',
    })),
    process: holder?.pid ?? null,
    scores,
    bytes: bytesOf(files),
    date: made,
  }
}

function recipeOf(text: string, run: RunFolder): Recipe | undefined {
  try {
    return parseRecipe(text, run.recipe)
  } catch {
    return undefined
  }
}

/** The demo's images by that word, others by their folder. */
function dataName({ data: { layout, root } }: Recipe): string | null {
  if (layout === 'demo') return 'demo'
  return root === null ? null : basename(root)
}

/** Images that the first stage with a list of them reads of the recipe's split. */
async function countImages(run: RunFolder, recipe: Recipe | undefined): Promise<number | null> {
  if (recipe === undefined) return null
  for (const stage of ['train', 'maps', 'autoencoder']) {
    const { images } = await readNotes(run, stage)
    const keys = Object.keys(images)
    const own = keys.filter(key => key.startsWith(`${recipe.data.split}/`))
    if (keys.length > 0) return own.length > 0 ? own.length : keys.length
  }
  return null
}

interface Session {
  readonly time?: unknown
  readonly command?: unknown
}

function sessionsOf(text: string): Session[] {
  return text.split('\n').flatMap(line => {
    try {
      const value: unknown = line === '' ? undefined : JSON.parse(line)
      return isTree(value) ? [value] : []
    } catch {
      return []
    }
  })
}

function lastSession(text: string): string | undefined {
  const time = sessionsOf(text).at(-1)?.time
  return typeof time === 'string' ? time : undefined
}

/** What followed the command when the run was started; null where a program or a run folder started it. */
function recipeOfCommand(text: string): string | null {
  const words = sessionsOf(text)[0]?.command
  const [command, target] = Array.isArray(words) ? (words as unknown[]) : []
  if (command === 'demo') return 'mctformer_demo'
  if (typeof target !== 'string' || target.startsWith('-')) return null
  return basename(target).replace(/\.ya?ml$/, '')
}

async function readAblation(folder: string, name: string): Promise<AblationSummary | undefined> {
  try {
    const ablation = JSON.parse(await readFile(join(folder, 'ablation.json'), 'utf8')) as Ablation
    return { folder: name, recipe: ablation.recipe, rows: ablation.rows }
  } catch {
    return undefined
  }
}
