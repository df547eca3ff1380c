/** @file stages/NAME.json: state, result and inputs of a stage. Longer lists are files beside it: files written, images read, images lost. */
import { appendFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../io/atomic.ts'
import type { RunFolder } from './run-folder.ts'
import type { StageName } from './stage.ts'

/** The content of a stage's marker. */
export interface StageMarker {
  readonly stage: StageName
  /** `clearing`: the stage's files are obsolete, and some may be gone. */
  readonly state: 'clearing' | 'running' | 'done'
  /** Identity of its result, new when that is recomputed. Later stages depend on it. */
  readonly id: string
  /** New each time it worked, also where only scores changed. */
  readonly revision: string
  /** Its settings in the recipe. */
  readonly keys: Readonly<Record<string, unknown>>
  /** Hashes of all that its result depends on, by name. */
  readonly base: Readonly<Record<string, string>>
  readonly soft: Readonly<Record<string, string>>
  readonly version: string
  readonly started: string
  readonly finished: string | null
  /** Relative path of the run folder whose outputs are reused. */
  readonly takenFrom?: string
}

/** Sizes of files by their path in the run folder. */
export type FileList = Readonly<Record<string, number>>

/** The longer lists of a stage. */
export interface StageNotes {
  /** Its files when it was done. */
  readonly files: FileList
  /** Contents of the images that it reads, by SPLIT/ID, when it read them. */
  readonly images: Readonly<Record<string, string>>
  /** Ids of images that it could not use. */
  readonly lost: readonly string[]
}

/** The marker of a stage, or undefined when it never began (or the marker cannot be read). */
export async function readMarker(run: RunFolder, stage: StageName): Promise<StageMarker | undefined> {
  const value = await readJson(noteFile(run, stage, 'json'))
  return isMarker(value) ? value : undefined
}

/** Whether there is a marker of a version that did not record the inputs. */
export async function hasOldMarker(run: RunFolder, stage: StageName): Promise<boolean> {
  const value = await readJson(noteFile(run, stage, 'json'))
  return isRecord(value) && typeof value.inputs === 'string'
}

/** Writes the marker in one step. */
export async function writeMarker(run: RunFolder, marker: StageMarker): Promise<void> {
  await writeFileAtomic(noteFile(run, marker.stage, 'json'), `${JSON.stringify(marker, null, 2)}\n`)
}

export async function readNotes(run: RunFolder, stage: StageName): Promise<StageNotes> {
  const [files, images, lost] = await Promise.all([
    readJson(noteFile(run, stage, 'files.json')),
    readJson(noteFile(run, stage, 'images.json')),
    readFile(noteFile(run, stage, 'lost'), 'utf8').catch(() => ''),
  ])
  return {
    files: isRecord(files) ? (files as FileList) : {},
    images: isRecord(images) ? (images as Record<string, string>) : {},
    lost: [...new Set(lost.split('\n').flatMap(readId))],
  }
}

/** Writes those that are given; the others stay. */
export async function writeNotes(
  run: RunFolder,
  stage: StageName,
  { files, images, lost }: Partial<StageNotes>,
): Promise<void> {
  const json = (value: object): string => `${JSON.stringify(value)}\n`
  if (images !== undefined) await writeFileAtomic(noteFile(run, stage, 'images.json'), json(images))
  if (files !== undefined) await writeFileAtomic(noteFile(run, stage, 'files.json'), json(files))
  if (lost !== undefined)
    await writeFileAtomic(noteFile(run, stage, 'lost'), lost.map(id => `${JSON.stringify(id)}\n`).join(''))
}

/** Notes a lost image at once, so that it survives a kill. */
export function noteLost(run: RunFolder, stage: StageName, id: string): void {
  appendFileSync(noteFile(run, stage, 'lost'), `${JSON.stringify(id)}\n`)
}

/** The files of its notes. */
function noteFiles(run: RunFolder, stage: StageName): string[] {
  return (['files.json', 'images.json', 'lost'] as const).map(ending => noteFile(run, stage, ending))
}

export async function removeNotes(run: RunFolder, stage: StageName): Promise<void> {
  for (const file of noteFiles(run, stage)) await rm(file, { force: true })
}

function noteFile(run: RunFolder, stage: StageName, ending: 'json' | 'files.json' | 'images.json' | 'lost') {
  return join(run.stages, `${stage}.${ending}`)
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** None from a truncated line. */
function readId(line: string): string[] {
  if (!line.startsWith('"')) return [] // an error of JSON takes as long as a hundred ids
  try {
    const id: unknown = JSON.parse(line)
    return typeof id === 'string' ? [id] : []
  } catch {
    return []
  }
}

function isMarker(value: unknown): value is StageMarker {
  return (
    isRecord(value) &&
    typeof value.stage === 'string' &&
    ['clearing', 'running', 'done'].includes(String(value.state)) &&
    typeof value.id === 'string' &&
    typeof value.revision === 'string' &&
    isRecord(value.keys) &&
    isRecord(value.base) &&
    isRecord(value.soft) &&
    typeof value.started === 'string'
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
