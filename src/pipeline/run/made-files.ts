/** @file Which files of an output that people work on are still as their stage wrote them: stages/NAME.made.json, a hash of each. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../io/atomic.ts'
import { inParallel } from '../images/in-parallel.ts'
import { hashOfFile } from './file-origin.ts'
import type { RunFolder } from './run-folder.ts'
import type { StageDefinition } from './stage.ts'
import { filesAt } from './stage-outputs.ts'

/** Files by their path in the run folder. */
type Hashes = Readonly<Record<string, string>>

/** Paths in the run folder of files that people work on. */
export async function filesOfPeople(run: RunFolder, stage: StageDefinition): Promise<string[]> {
  const places = stage.outputs(run).filter(({ theirs }) => theirs === true)
  const lists = await Promise.all(places.map(({ path }) => filesAt(run.root, path)))
  return lists.flat().map(([file]) => file)
}

/** Those of them that the stage has not written so: somebody has added or changed them. */
export async function changedByPeople(run: RunFolder, stage: StageDefinition): Promise<string[]> {
  const files = await filesOfPeople(run, stage)
  if (files.length === 0) return []
  const [made, now] = [await readMade(run, stage), await hashesOf(run, files)]
  return files.filter(file => made[file] === undefined || made[file] !== now[file])
}

/** Notes the files that were not there `before` the stage worked. */
export async function noteMade(
  run: RunFolder,
  stage: StageDefinition,
  before: ReadonlySet<string>,
): Promise<void> {
  const files = await filesOfPeople(run, stage)
  const fresh = await hashesOf(
    run,
    files.filter(file => !before.has(file)),
  )
  if (files.length === 0) return
  const known = Object.entries(await readMade(run, stage)).filter(([file]) => before.has(file))
  await writeFileAtomic(
    madeFile(run, stage),
    `${JSON.stringify({ ...Object.fromEntries(known), ...fresh })}\n`,
  )
}

function madeFile(run: RunFolder, { name }: StageDefinition): string {
  return join(run.stages, `${name}.made.json`)
}

async function readMade(run: RunFolder, stage: StageDefinition): Promise<Hashes> {
  try {
    return JSON.parse(await readFile(madeFile(run, stage), 'utf8')) as Hashes
  } catch {
    return {}
  }
}

async function hashesOf(run: RunFolder, files: readonly string[]): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {}
  await inParallel(files, async file => {
    hashes[file] = await hashOfFile(join(run.root, file)).catch(() => 'unreadable')
  })
  return hashes
}
