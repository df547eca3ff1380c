/** @file `tagmask data`: checks a data set, makes the demo's. */
import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { buildCommand, buildRouteMap, numberParser, type RouteMap } from '@stricli/core'
import type { Layout } from '../../data/dataset.ts'
import { generateDemo } from '../../data/demo/index.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { checkData } from '../../pipeline/check/check-data.ts'
import { checkText } from '../../pipeline/check/check-text.ts'
import { recipeData } from '../../pipeline/check/recipe-keys.ts'
import { fromHere } from '../../pipeline/run/run-folder.ts'
import type { CliContext } from '../context.ts'
import { EXIT } from '../messages.ts'
import { proposeRecipes } from '../proposals.ts'

const text = (value: string) => value
const optionalText = { kind: 'parsed', parse: text, optional: true } as const
const optionalNumber = { kind: 'parsed', parse: numberParser, optional: true, placeholder: 'N' } as const
const onOff = { kind: 'boolean', optional: true, withNegated: false } as const

interface CheckFlags {
  readonly layout?: Layout
  readonly split?: readonly string[]
  readonly classes?: string
  readonly recipe?: string
  readonly all?: boolean
  readonly json?: boolean
}

const check = buildCommand<CheckFlags, [string?], CliContext>({
  docs: {
    customUsage: ['DIR [flags]', 'DIR --recipe RECIPE [flags]'],
    brief: 'All problems of a data set at once: files, tags, masks, splits',
    fullDescription: `Opens every split, reads every image and mask to its end, and names all problems, each with its file and what to do:
images that cannot be read, names in lists and tables without a file, misspelt tags, masks of another size or with
labels of no class, tags and masks that disagree, the same photo in train and val. Then the classes: images of each, and
which come together. Nothing is changed. Exits with 1 where there are errors, with 0 where there are only warnings.

Without --recipe a patch has 16 pixels, and all splits are checked. tagmask run RECIPE --dry-run is the quick look: what a
run would do, and how long.

Examples:
  tagmask data check my-photos
  tagmask data check my-photos --all > problems.txt
  tagmask data check VOCdevkit/VOC2012 --split train --split val
  tagmask data check my-photos --recipe photos_cpu --json`,
  },
  parameters: {
    flags: {
      layout: {
        kind: 'enum',
        values: ['voc', 'coco', 'folder', 'class-folders'],
        optional: true,
        brief: 'Layout of the folder; default: found from the folder',
      },
      split: {
        ...optionalText,
        variadic: true,
        placeholder: 'NAME',
        brief: 'A split to check; may be repeated; default: all',
      },
      classes: { ...optionalText, placeholder: 'A,B,C', brief: 'Class names in the order of the labels' },
      recipe: {
        ...optionalText,
        placeholder: 'RECIPE',
        brief: "Take the layout, the splits and the network's patches from a recipe",
        proposeCompletions: proposeRecipes,
      },
      all: { ...onOff, brief: 'Name every case, not five of each kind' },
      json: { ...onOff, brief: 'As one JSON object, for programs' },
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, placeholder: 'DIR', optional: true, brief: 'Folder of the data set' }],
    },
  },
  async func({ layout, split, classes, recipe, all = false, json = false }, dir) {
    const ofRecipe = recipe === undefined ? undefined : await recipeData(recipe, { root: dir })
    const root = dir ?? ofRecipe?.root ?? undefined
    if (root === undefined)
      throw new InputError('DIR', 'is not given', { expected: 'give the folder of the data set' })
    const log = this.openLog({ quiet: json })
    const result = await checkData(resolve(root), {
      layout: layout ?? ofRecipe?.layout,
      splits: split ?? ofRecipe?.splits,
      classes: classes?.split(',').map(name => name.trim()),
      patchSize: ofRecipe?.patchSize,
      log,
      signal: this.signal,
    })
    if (json) this.process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
    else log.tell(checkText(result, { all }))
    if (result.errors > 0) this.process.exitCode = EXIT.input
  },
})

interface DemoFlags {
  readonly out: string
  readonly images?: number
  readonly val?: number
  readonly size?: number
  readonly seed?: number
}

const demo = buildCommand<DemoFlags, [], CliContext>({
  docs: {
    brief: 'Make the generated data set of the demo: images, tags, masks',
    fullDescription: `Writes a data set in the layout of a plain folder: images/, masks/, tags.csv, train.txt, val.txt, classes.txt. The same seed
makes the same images; they are those of the demo recipes (data.layout: demo). A folder that holds anything else than
such a set is left alone.

Examples:
  tagmask data demo --out demo-data
  tagmask data demo --out small --images 100 --val 20 --size 64 --seed 3`,
  },
  parameters: {
    flags: {
      out: { kind: 'parsed', parse: text, placeholder: 'DIR', brief: 'Folder to make; new, or empty' },
      images: { ...optionalNumber, brief: 'Images in train; default 1000' },
      val: { ...optionalNumber, brief: 'Images in val; default 100' },
      size: { ...optionalNumber, brief: 'Width and height, pixels; default 96' },
      seed: { ...optionalNumber, brief: 'Seed of the images; default 7' },
    },
  },
  async func({ out, images = 1000, val = 100, size = 96, seed = 7 }) {
    checkNumbers({ images, val, seed })
    const root = resolve(out)
    await refuseOther(root, out)
    const progress = this.log.progress({ title: 'demo data', total: images + val })
    const set = await generateDemo(root, {
      images,
      valImages: val,
      size,
      seed,
      onProgress: made => progress.update(made),
    })
    if (set.made) progress.finish()
    else progress.drop()
    this.log.info(
      `${fromHere(root)}: ${count(set.images, 'image')} of ${set.classes.join(', ')}${set.made ? '' : ', there already'}`,
    )
  },
})

function checkNumbers({ images, val, seed }: Readonly<Record<'images' | 'val' | 'seed', number>>): void {
  for (const [name, value, least] of [
    ['images', images, 1],
    ['val', val, 0],
    ['seed', seed, 0],
  ] as const)
    if (!Number.isSafeInteger(value) || value < least)
      throw new InputError(`--${name}`, `is ${value}`, { expected: `a whole number from ${least} on` })
}

/** Throws InputError for a folder that holds files of someone's. */
async function refuseOther(root: string, out: string): Promise<void> {
  const names: readonly string[] = await readdir(root).catch(() => [])
  if (names.length === 0 || names.includes('demo.json')) return // what is not of the demo there is found by the generator
  throw new InputError(out, 'holds other files', { field: '--out', expected: 'give a new or empty folder' })
}

export const data: RouteMap<CliContext> = buildRouteMap({
  routes: { check, demo },
  docs: {
    brief: 'Check a data set, make the demo one',
    fullDescription: `Examples:
  tagmask data check my-photos
  tagmask data demo --out demo-data`,
  },
})
