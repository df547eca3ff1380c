/** @file The files of a run folder: how much they take, and which of them no stage made. Imports no torch. */
import { type Dirent, lstatSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { changedByPeople } from '../run/made-files.ts'
import { RUN_MARK, type RunFolder } from '../run/run-folder.ts'
import { readMarker, readNotes } from '../run/stage-marker.ts'
import { STAGES } from '../stages/list.ts'

/** A file, or a link, which is never followed. */
export interface FoundFile {
  /** In the run folder, with forward slashes. */
  readonly path: string
  readonly bytes: number
  readonly link: boolean
}

/** All files below a folder, sorted; none where it cannot be listed. */
export async function filesBelow(root: string): Promise<FoundFile[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch((): Dirent[] => [])
  return entries
    .filter(entry => !entry.isDirectory())
    .map(entry => {
      const at = join(entry.parentPath, entry.name)
      const path = relative(root, at).split(sep).join('/')
      const found = lstatSync(at, { throwIfNoEntry: false }) // thousands: much faster than promises
      return { path, bytes: found?.size ?? 0, link: entry.isSymbolicLink() }
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

export function bytesOf(files: readonly FoundFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** "12.3 MB" */
export function formatBytes(bytes: number): string {
  const units = ['kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes / 1000)) / 3)))
  const value = bytes / 1000 ** (power + 1)
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[power]}`
}

/** Written into the run folder itself by no stage in particular. */
const LEGEND = ['labels.txt', 'labels.json']
/** What stages write. */
const KINDS = /\.(safetensors|png|jpe?g|json|jsonl|txt|svg|html)$/
const LEFTOVER = /(^|\/)(lock(\.gate|\.[a-z-]+\.\d+-of-\d+)?|\.lock[^/]*|\.[^/]*\.tmp)$/

/** Splits the files into those that tagmask made and others: links, and what no stage writes or has noted. */
export async function splitFiles(
  run: RunFolder,
  files: readonly FoundFile[],
): Promise<{ ours: FoundFile[]; others: FoundFile[] }> {
  const inRun = (path: string): string => relative(run.root, path).split(sep).join('/')
  const { recipe, sessions, contents, lostImages, environment } = run
  const single = new Set([recipe, sessions, contents, lostImages, environment].map(inRun))
  for (const name of [RUN_MARK, ...LEGEND]) single.add(name)
  const listed = new Set<string>()
  const theirs = new Set<string>() // what people have changed or added
  const open: string[] = [] // outputs without a complete list
  for (const stage of STAGES) {
    for (const ending of ['json', 'files.json', 'images.json', 'made.json', 'lost'])
      single.add(inRun(join(run.stages, `${stage.name}.${ending}`)))
    const [marker, notes] = [await readMarker(run, stage.name), await readNotes(run, stage.name)]
    for (const file of Object.keys(notes.files)) listed.add(file)
    for (const file of await changedByPeople(run, stage)) theirs.add(file)
    for (const { path, passing, aside } of stage.outputs(run))
      if (marker?.state !== 'done' || passing === true || aside === true) open.push(inRun(path))
  }
  const isOpen = (file: string): boolean =>
    KINDS.test(file) && open.some(place => isAt(file, place) || isSetAside(file, place))
  const ours = (file: FoundFile): boolean =>
    !file.link &&
    !theirs.has(file.path) &&
    (single.has(file.path) || listed.has(file.path) || LEFTOVER.test(file.path) || isOpen(file.path))
  return { ours: files.filter(ours), others: files.filter(file => !ours(file)) }
}

function isAt(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`)
}

/** PLACE.old-N, as a stage leaves what took hours. */
function isSetAside(file: string, place: string): boolean {
  return file.startsWith(`${place}.old-`) && /^\d+(\/|$)/.test(file.slice(`${place}.old-`.length))
}

/** "a.txt, b.txt and 3 more" */
export function someNames(files: readonly FoundFile[]): string {
  const shown = files.slice(0, 5).map(({ path }) => path)
  const rest = files.length - shown.length
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
