/** @file `tagmask data check`: all problems of a data set at once. */
import { resolve } from 'node:path'
import { buildCommand, type Command } from '@stricli/core'
import type { Layout } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { checkData } from '../../pipeline/check/check-data.ts'
import { checkText } from '../../pipeline/check/check-text.ts'
import { recipeData } from '../../pipeline/check/recipe-keys.ts'
import type { CliContext } from '../context.ts'
import { EXIT } from '../messages.ts'
import { proposeRecipes } from '../proposals.ts'
import { profileFlag, tagsFlag, tagsOfFlag } from '../run-flags.ts'

const text = (value: string) => value
const optionalText = { kind: 'parsed', parse: text, optional: true } as const
const onOff = { kind: 'boolean', optional: true, withNegated: false } as const

interface CheckFlags {
  readonly layout?: Layout
  readonly tags?: string
  readonly split?: readonly string[]
  readonly classes?: string
  readonly recipe?: string
  readonly all?: boolean
  readonly json?: boolean
  readonly profile?: string
}

export const check: Command<CliContext> = buildCommand<CheckFlags, [string?], CliContext>({
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
  tagmask data check my-photos --tags ~/Downloads/project-1.json
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
      ...tagsFlag,
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
      ...profileFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, placeholder: 'DIR', optional: true, brief: 'Folder of the data set' }],
    },
  },
  async func({ layout, tags: source, split, classes, recipe, all = false, json = false, profile }, dir) {
    const tags = source === undefined ? undefined : tagsOfFlag(source)
    const ofRecipe = recipe === undefined ? undefined : await recipeData(recipe, { root: dir, tags })
    const root = dir ?? ofRecipe?.root ?? undefined
    if (root === undefined)
      throw new InputError('DIR', 'is not given', { expected: 'give the folder of the data set' })
    const log = this.openLog({ quiet: json, profile })
    const result = await checkData(resolve(root), {
      layout: layout ?? ofRecipe?.layout,
      tags: tags ?? ofRecipe?.tags ?? 'auto',
      ...(ofRecipe?.crowds && { crowds: ofRecipe.crowds }),
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
