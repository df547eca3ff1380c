/** @file The files of each stage in the run folder: cleared before a rerun, checked when it is done. Imports no torch. */
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import type { Log } from '../../train/log.ts'
import { mapInParallel } from '../images/in-parallel.ts'
import type { Recipe } from '../recipe/schema.ts'
import { fromHere, type RunFolder } from './run-folder.ts'
import type { StageDefinition, StageImage } from './stage.ts'
import type { FileList } from './stage-marker.ts'

/** The existing lasting files of a stage. */
export async function listOutputs(run: RunFolder, stage: StageDefinition): Promise<FileList> {
  const lasting = stage.outputs(run).filter(({ passing }) => passing !== true)
  const lists = await Promise.all(
    lasting.map(async ({ path, spent }) =>
      (await filesAt(run.root, path)).filter(([file]) => !spent?.test(file)),
    ),
  )
  return Object.fromEntries(lists.flat())
}

/** Removes the files that nothing needs once the stage is done. */
export async function removeSpent(run: RunFolder, stage: StageDefinition): Promise<void> {
  for (const { path, spent } of stage.outputs(run)) {
    if (spent === undefined) continue
    for (const [file] of await filesAt(run.root, path))
      if (spent.test(file)) await rm(join(run.root, file), { force: true })
  }
}

/** Whether two lists are of the same results; scores and tables do not count. */
export function sameMade(before: FileList, now: FileList): boolean {
  const made = (list: FileList): string =>
    JSON.stringify(Object.entries(list).filter(([file]) => file.includes('/')))
  return made(before) === made(now)
}

/** Files of the list that are gone, and those with another size that nobody but the stage changes. */
export function missingOutputs(
  before: FileList,
  { now, run, stage }: { now: FileList; run: RunFolder; stage: StageDefinition },
): { gone: string[]; changed: string[] } {
  const files = Object.entries(before)
  const theirs = stage.outputs(run).flatMap(({ path, theirs }) => (theirs ? [inRun(run.root, path)] : []))
  const isTheirs = (file: string): boolean => theirs.some(folder => file.startsWith(`${folder}/`))
  return {
    gone: files.filter(([file]) => now[file] === undefined).map(([file]) => file),
    changed: files
      .filter(([file, size]) => (now[file] ?? size) !== size && !isTheirs(file))
      .map(([file]) => file),
  }
}

/** Throws InputError when a stage has returned without files, or without the weights that it had before. */
export function refuseNothingMade(
  run: RunFolder,
  stage: StageDefinition,
  { before, now }: { before: FileList; now: FileList },
): void {
  const { name } = stage
  const files = Object.keys(now)
  const outputs = stage.outputs(run)
  const empty = outputs.find(({ path, needed }) => {
    const place = inRun(run.root, path)
    return needed && !files.some(file => file === place || file.startsWith(`${place}/`))
  })
  if (empty !== undefined)
    throw new InputError(fromHere(empty.path), `the stage ${name} has written nothing here: it is not done`, {
      expected: 'fix what is named above and resume with the same command',
    })
  if (!outputs.some(({ aside }) => aside)) return
  const weights = Object.keys(before).find(file => file.endsWith('.safetensors') && now[file] === undefined)
  if (weights === undefined) return
  throw new InputError(
    fromHere(join(run.root, weights)),
    'is gone and cannot be written from the existing state',
    {
      expected: `restore it, or train from the start: tagmask ${name} ${fromHere(run.root)} --force`,
    },
  )
}

/** A stage's files of one image, as paths in the run folder; none for a stage that does not go image by image. */
export function filesOfImage(
  stage: StageDefinition,
  image: StageImage,
  { run, recipe }: { run: RunFolder; recipe: Recipe },
): string[] {
  return (stage.filesOfImage?.(image, { run, recipe }) ?? []).map(path => inRun(run.root, path))
}

/** Removes the files of a stage; those that took hours are set aside, and with `changed` those that people work on. */
export async function clearOutputs(
  run: RunFolder,
  stage: StageDefinition,
  { changed, log }: { changed: boolean; log: Log },
): Promise<void> {
  for (const { path, aside, theirs } of stage.outputs(run)) {
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) continue
    if (aside === true || (theirs === true && changed)) await setAside(path, log)
    else await rm(path, { recursive: true })
    if (found.isDirectory()) await mkdir(path, { recursive: true })
  }
}

/** Renames to the first free name "PATH.old-N"; an empty folder is removed. */
async function setAside(path: string, log: Log): Promise<void> {
  const wasEmpty = await rmdir(path).then(
    () => true,
    () => false,
  )
  for (let n = 1; !wasEmpty; n++) {
    const old = `${path}.old-${n}`
    if ((await stat(old).catch(() => undefined)) !== undefined) continue
    await rename(path, old)
    log.info(`kept the old files as ${fromHere(old)}`)
    return
  }
}

/** Paths in the run folder and sizes, sorted; a file itself, or all below a folder. */
export async function filesAt(root: string, path: string): Promise<[string, number][]> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return []
  if (!found.isDirectory()) return [[inRun(root, path), found.size]]
  const names = (await readdir(path)).filter(name => !name.startsWith('.')).sort()
  const files = await mapInParallel(names, name => filesAt(root, join(path, name)))
  return files.flat()
}

function inRun(root: string, path: string): string {
  return relative(root, path).split(sep).join('/')
}

/** "3 files are gone: a, b, c" */
export function sayMissing({ gone, changed }: ReturnType<typeof missingOutputs>): string {
  const all = [...gone, ...changed]
  const verb = changed.length === 0 ? 'gone' : gone.length === 0 ? 'damaged' : 'gone or damaged'
  return `${count(all.length, 'file', 'is')} ${verb}: ${sample(all.map(file => basename(file)))}`
}
