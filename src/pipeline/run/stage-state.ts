/** @file Whether a stage has anything to do, and why. Imports no torch. */
import { sample } from '../../data/listing.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'
import type { StageDefinition, StageImage } from './stage.ts'
import { type InputSources, imagesOf, type StageInputs, stageInputs } from './stage-inputs.ts'
import {
  type FileList,
  hasOldMarker,
  readMarker,
  readNotes,
  type StageMarker,
  type StageNotes,
} from './stage-marker.ts'
import { filesOfImage, listOutputs, missingOutputs, sayMissing } from './stage-outputs.ts'

/** What a stage has to do, and its notes. */
export interface StageState {
  /** `done`: nothing to do. `resume`: its files stay and are completed. `fresh`: its files go. */
  readonly todo: 'done' | 'resume' | 'fresh'
  /** Why a begun or finished stage is rerun or resumed, for messages; undefined for others. */
  readonly why: string | undefined
  /** Images that were lost and can be read now; a finished stage stays. */
  readonly repaired: readonly string[]
  readonly marker: StageMarker | undefined
  readonly notes: StageNotes
  /** Its files now, and those of another size than it left. */
  readonly files: FileList
  readonly damaged: readonly string[]
  readonly inputs: StageInputs
}

/** Compares a stage's marker and files with its current inputs. Changes nothing. */
export async function stageState(
  run: RunFolder,
  stage: StageDefinition,
  sources: InputSources,
): Promise<StageState> {
  const [marker, notes, files] = await Promise.all([
    readMarker(run, stage.name),
    readNotes(run, stage.name),
    listOutputs(run, stage),
  ])
  const { recipe } = sources
  const images = imagesOf(stage, sources)
  const lost = new Set(lostImages(stage, images, { lost: notes.lost, files, run, recipe }))
  const inputs = stageInputs(stage, sources)
  const others = images.filter(({ key, file }) => notes.images[key] !== sources.contents.of(file))
  const repaired = others.filter(image => lost.has(image) && notes.images[image.key] !== undefined)
  const missing =
    marker?.state === 'done'
      ? missingOutputs(notes.files, { now: files, run, stage })
      : { gone: [], changed: [] }
  const common = {
    marker,
    notes,
    files,
    inputs,
    damaged: missing.changed,
    repaired: repaired.map(({ id }) => id),
  }
  if (marker === undefined || marker.state === 'clearing') {
    const old = marker === undefined && (await hasOldMarker(run, stage.name))
    return { ...common, todo: 'fresh', why: old ? 'it is of an older tagmask' : undefined }
  }
  const changed = reasons(stage, { recipe, marker, now: inputs, part: 'base' })
  const replaced = others.filter(image => !lost.has(image)).map(({ id }) => id)
  if (replaced.length > 0 && marker.base.tags === inputs.base.tags)
    changed.push(`other images have the names ${sample(replaced)}`)
  if (changed.length > 0) return { ...common, todo: 'fresh', why: listed(changed) }
  if (marker.state === 'running') return { ...common, todo: 'resume', why: undefined }
  const again = reasons(stage, { recipe, marker, now: inputs, part: 'soft' })
  if (missing.gone.length + missing.changed.length > 0) again.push(sayMissing(missing))
  if (stage.filesOfImage !== undefined && repaired.length > 0)
    again.push(`${sample(common.repaired)} can be read now`)
  return again.length > 0
    ? { ...common, todo: 'resume', why: listed(again) }
    : { ...common, todo: 'done', why: undefined }
}

/** Images without files of the stage, or noted as lost. */
export function lostImages(
  stage: StageDefinition,
  images: readonly StageImage[],
  { lost, files, run, recipe }: { lost: readonly string[]; files: FileList; run: RunFolder; recipe: Recipe },
): StageImage[] {
  const named = new Set(lost)
  return images.filter(image => {
    const own = filesOfImage(stage, image, { run, recipe })
    return own.length > 0 ? own.some(file => files[file] === undefined) : named.has(image.id)
  })
}

const STAGE = 'stage '

/** The changed inputs, in words. */
function reasons(
  stage: StageDefinition,
  {
    recipe,
    marker,
    now,
    part,
  }: { recipe: Recipe; marker: StageMarker; now: StageInputs; part: 'base' | 'soft' },
): string[] {
  const names = new Set([...Object.keys(marker[part]), ...Object.keys(now[part])])
  const changed = [...names].filter(name => marker[part][name] !== now[part][name])
  const stages = changed.filter(name => name.startsWith(STAGE)).map(name => name.slice(STAGE.length))
  const told = part === 'soft' || stage.tellsOfStages === true // of those only their report counts
  const before = stage.before(recipe)[part] ?? []
  const others = (name: string): string =>
    `${before.find(one => one.name === name)?.product ?? name} have changed`
  const [verb, last] = [stages.length === 1 ? 'was' : 'were', stages.at(-1)]
  const first = stages.slice(0, -1).join(', ')
  const worked = `${first === '' ? '' : `${first} and `}${last} ${verb} rerun`
  return [
    ...changed
      .filter(name => !name.startsWith(STAGE))
      .flatMap(name => (name === 'keys' ? changedKeys(marker.keys, now.keys) : [WORDS[name] ?? name])),
    ...(stages.length === 0 ? [] : told ? [worked] : stages.map(others)),
  ]
}

const WORDS: Readonly<Record<string, string>> = {
  classes: 'the classes have changed',
  tags: 'the list of images and tags has changed',
  images: 'the images have changed',
  masks: 'the ground-truth masks have changed',
  'weight file': 'the weight file has changed',
  shown: 'the report shows another number of images',
}

function changedKeys(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): string[] {
  const text = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value))
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort()
  const changed = names.filter(key => text(before[key]) !== text(now[key]))
  const shown = changed.slice(0, 3).map(key => `${key} is ${text(now[key])}, was ${text(before[key])}`)
  return changed.length > 3 ? [...shown, `${changed.length - 3} more keys have changed`] : shown
}

/** "a", "a and b", "a; b; and c" */
function listed(parts: readonly string[]): string {
  return parts.length < 3 ? parts.join(' and ') : `${parts.slice(0, -1).join('; ')}; and ${parts.at(-1)}`
}
