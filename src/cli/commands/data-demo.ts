/** @file `tagmask data demo`: the generated data set of the demo, in a folder of one's choice. */
import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { buildCommand, type Command, numberParser } from '@stricli/core'
import { generateDemo } from '../../data/demo/index.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { fromHere } from '../../pipeline/run/run-folder.ts'
import type { CliContext } from '../context.ts'
import { type OutputFlags, profileFlag } from '../run-flags.ts'

const optionalNumber = { kind: 'parsed', parse: numberParser, optional: true, placeholder: 'N' } as const

interface DemoFlags extends Pick<OutputFlags, 'profile'> {
  readonly out: string
  readonly images?: number
  readonly val?: number
  readonly size?: number
  readonly seed?: number
}

export const demo: Command<CliContext> = buildCommand<DemoFlags, [], CliContext>({
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
      out: {
        kind: 'parsed',
        parse: value => value,
        placeholder: 'DIR',
        brief: 'Folder to make; new, or empty',
      },
      images: { ...optionalNumber, brief: 'Images in train; default 1000' },
      val: { ...optionalNumber, brief: 'Images in val; default 100' },
      size: { ...optionalNumber, brief: 'Width and height, pixels; default 96' },
      seed: { ...optionalNumber, brief: 'Seed of the images; default 7' },
      ...profileFlag,
    },
  },
  async func({ out, images = 1000, val = 100, size = 96, seed = 7, profile }) {
    const log = this.openLog({ profile })
    checkNumbers({ images, val, seed })
    const root = resolve(out)
    await refuseOther(root, out)
    const progress = log.progress({ title: 'demo data', total: images + val })
    const set = await generateDemo(root, {
      images,
      valImages: val,
      size,
      seed,
      onProgress: made => progress.update(made),
    })
    if (set.made) progress.finish()
    else progress.drop()
    log.info(
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
