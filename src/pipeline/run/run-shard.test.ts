import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Dataset } from '../../data/dataset.ts'
import { createLog, silentLog } from '../../train/log.ts'
import { camFile } from '../images/cam-file.ts'
import { BLOCK } from '../images/image-groups.ts'
import { limitsOf, passOver } from '../images/image-pass.ts'
import { parseShard, type Shard, shardOf } from '../images/shard.ts'
import { parseRecipe } from '../recipe/load.ts'
import { parseSet } from '../recipe/overrides.ts'
import type { Recipe } from '../recipe/schema.ts'
import { openRunFolder, type RunFolder, runFolder } from './run-folder.ts'
import { lockRun } from './run-lock.ts'
import { runRecipe } from './run-recipe.ts'
import { type RunShardOptions, runShard, shardDoneText } from './run-shard.ts'
import { runStages } from './run-stages.ts'
import type { Stage, StageContext, StageDefinition } from './stage.ts'
import { readMarker } from './stage-marker.ts'

// Eight blocks of images, which stay together; each has a letter.
const dataset: Dataset = {
  name: 'tiny',
  root: '/nowhere',
  split: 'train',
  classes: ['cat'],
  samples: [...'hgfedcba'].flatMap(letter =>
    Array.from({ length: BLOCK }, (_, i) => {
      const id = `${letter}${i}`
      return { id, image: `/nowhere/${id}.jpg`, tags: [0], mask: undefined }
    }),
  ),
  warnings: [],
}
const signal = new AbortController().signal
const log = silentLog()

let root = ''
/** Ids of images whose CAMs are made, in their order. */
let made: string[] = []

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'tagmask-run-shard-')), 'one')
  made = []
})
afterEach(() => rm(join(root, '..'), { recursive: true, force: true }))

const recipeWith = (...set: string[]): Recipe =>
  parseRecipe('method: mctformer\n', 'my.yaml', set.map(parseSet))
const lettersOf = (names: readonly string[]): string => [...new Set(names.map(name => name[0]))].join('')
/** Letters of the blocks all of whose CAMs are there. */
async function names(): Promise<string> {
  const all = (await readdir(runFolder(root).maps)).sort()
  const isWhole = (name: string): boolean => all.filter(one => one[0] === name[0]).length === BLOCK
  return lettersOf(all.filter(isWhole))
}

/** CAMs with a word in them, and the training without work. */
async function maps(context: StageContext, during: (id: string) => Promise<void> = async () => {}) {
  const file = (sample: { readonly id: string }) => camFile(context.run.maps, sample)
  await passOver(
    shardOf(dataset.samples, context.shard),
    { ...limitsOf(context), title: 'maps', filesOf: one => [file(one)] },
    async pass => {
      for (const one of pass.open) {
        await during(one.id)
        made.push(one.id)
        await writeFile(file(one), one.id)
        pass.done()
      }
    },
  )
}

const load =
  (during?: (id: string) => Promise<void>) =>
  async ({ name }: StageDefinition): Promise<Stage> =>
  async context => {
    if (name === 'maps') await maps(context, during)
    else await writeFile(join(context.run.checkpoints, 'last.safetensors'), 'trained')
  }

async function train(recipe = recipeWith()): Promise<RunFolder> {
  const run = await openRunFolder(root, recipe)
  await runStages({ recipe, run, dataset, stages: ['train'], load: load(), signal, log })
  return run
}

const whole = (recipe = recipeWith()) =>
  runStages({ recipe, run: runFolder(root), dataset, stages: ['maps'], load: load(), signal, log })

function part(text: string, { recipe = recipeWith(), ...options }: Partial<RunShardOptions> = {}) {
  const shard: Shard = parseShard(text)
  const run = runFolder(root)
  const open = () => openRunFolder(root, recipe)
  return runShard({ recipe, run, dataset, stage: 'maps', shard, open, load: load(), signal, log, ...options })
}

describe('a shard', () => {
  it('makes its images and says how to go on; the stage completes what is missing, and is done', async () => {
    const run = await train()
    const first = await part('1/3')
    expect(first).toEqual({
      stage: 'maps',
      shard: { index: 1, count: 3 },
      images: 3 * BLOCK,
      total: 8 * BLOCK,
      lost: [],
      done: false,
    })
    expect(shardDoneText(first, run)).toBe(
      `shard 1/3 of maps: 96 of 256 images; when all shards are done, run: tagmask maps ${root}`,
    )
    expect([await names(), lettersOf(made)]).toEqual(['beh', 'heb'])
    await part('3/3')
    expect((await readMarker(run, 'maps'))?.state).toBe('running')
    expect(await names()).toBe('bcefh')
    made = []
    expect(await whole()).toEqual(['maps'])
    expect([await names(), lettersOf(made)]).toEqual(['abcdefgh', 'gda'])
    expect((await readMarker(run, 'maps'))?.state).toBe('done')
    const late = await part('2/3')
    expect(shardDoneText(late, run)).toBe('maps is done as a whole: nothing is left for shard 2/3')
    expect((await readdir(root)).filter(name => name.startsWith('lock'))).toEqual([])
  })

  it('keeps what it made before, and writes nothing that the others share', async () => {
    const run = await train()
    await part('1/2')
    const shared = [
      run.recipe,
      run.sessions,
      run.contents,
      join(run.stages, 'maps.json'),
      join(run.stages, 'maps.images.json'),
    ]
    const before = await Promise.all(
      shared.map(async file => (await stat(file, { bigint: true }).catch(() => undefined))?.mtimeNs),
    )
    made = []
    await rm(camFile(run.maps, { id: 'b7' }))
    await part('1/2', { recipe: recipeWith('threads=3') })
    expect(made).toEqual(['b7'])
    await part('2/2')
    expect(
      await Promise.all(
        shared.map(async file => (await stat(file, { bigint: true }).catch(() => undefined))?.mtimeNs),
      ),
    ).toEqual(before)
    expect(await readFile(run.recipe, 'utf8')).not.toContain('threads: 3')
  })

  it('works beside others, and beside nothing else', async () => {
    const run = await train()
    let refused = ''
    await part('1/2', {
      load: load(async () => {
        refused ||= await lockRun(run).then(
          () => 'not refused',
          (error: Error) => error.message,
        )
        if ((await names()) === '') await part('2/2')
      }),
    })
    expect(await names()).toBe('abcdefgh')
    expect(refused).toBe(
      `${root}: process ${process.pid} on ${hostname()} is at work on shard 1/2 of maps in this run folder; wait for it or use another --name`,
    )
    const release = await lockRun(run)
    await rm(run.maps, { recursive: true })
    await mkdir(run.maps)
    await expect(part('1/2')).rejects.toThrow(
      `process ${process.pid} on ${hostname()} is working in this run folder`,
    )
    await release()
  })

  it('of several that begin at once one begins the stage, and the others join it', async () => {
    const run = await train()
    await mkdir(run.maps, { recursive: true })
    await writeFile(camFile(run.maps, { id: 'a0' }), 'of another time') // no marker says of what: it is cleared
    let begun = 0
    const open = async () => {
      begun++
      return openRunFolder(root, recipeWith())
    }
    await Promise.all(['1/3', '2/3', '3/3'].map(text => part(text, { open })))
    expect([begun, await names()]).toEqual([1, 'abcdefgh'])
    expect(await readFile(camFile(run.maps, { id: 'a0' }), 'utf8')).toBe('a0')
  })

  it('needs the stages before its own, and makes no folder without them', async () => {
    await expect(part('1/2')).rejects.toThrow(
      `${root}: the stage train is not done; run it first: tagmask train ${root}`,
    )
    await expect(stat(root)).rejects.toThrow('ENOENT')
  })

  it('does not begin the stage anew while another is at work', async () => {
    await train()
    const other = recipeWith('maps.layers=2')
    let refused = ''
    await part('1/2', {
      load: load(async () => {
        refused ||= await part('2/2', { recipe: other }).then(
          () => 'not refused',
          (error: Error) => error.message,
        )
      }),
    })
    expect(refused).toBe(
      `${root}: the stage maps must be begun anew, since maps.layers is 2, was 3, and process ${process.pid} on ${hostname()} is at work on shard 1/2 of maps in this run folder; wait for it, or start every shard with the same recipe and data`,
    )
    await part('2/2', { recipe: other }) // it has ended: its files are obsolete
    expect(await names()).toBe('aceg')
    await part('1/2', { recipe: other })
    expect(await whole(other)).toEqual(['maps'])
  })

  it('makes files anew that were deleted after the stage was done', async () => {
    const run = await train()
    await whole()
    for (const id of ['a1', 'b2', 'c3']) await rm(camFile(run.maps, { id }))
    made = []
    await part('1/2')
    await part('2/2')
    expect(made).toEqual(['b2', 'c3', 'a1'])
    expect(await whole()).toEqual(['maps'])
  })

  it('names the images that it could not use in one line, writes no list, and leaves it to the stage how many may be lost', async () => {
    const lines: string[] = []
    await train()
    const { InputError } = await import('../../errors.ts')
    const done = await part('2/2', {
      log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
      load: async () => async context => {
        await passOver(
          shardOf(dataset.samples, context.shard),
          { ...limitsOf(context), title: 'maps' },
          async pass => {
            for (const one of pass.open)
              if (one.id !== 'e1' && one.id !== 'c2') pass.done()
              else pass.lose(one, new InputError(one.image, 'is cut short'))
          },
        )
      },
    })
    expect(done.lost).toEqual(['e1', 'c2'])
    expect(lines.filter(line => line.startsWith('warning'))).toEqual([
      'warning: maps, shard 2/2: 2 of 128 images could not be used: is cut short: e1, c2\n',
    ])
    expect(shardDoneText(done, runFolder(root))).toBe(
      `shard 2/2 of maps: 128 of 256 images, but for 2 that could not be used; when all shards are done, run: tagmask maps ${root}`,
    )
    await expect(stat(runFolder(root).lostImages)).rejects.toThrow('ENOENT')
  })
})

describe('what is not made in shards', () => {
  it.each([
    ['train', [], '--shard: the stage train is not made in shards; maps, refine and predict are'],
    ['evaluate', [], '--shard: the stage evaluate is not made in shards; maps, refine and predict are'],
    [
      'refine',
      ['refine.method=crf', 'refine.background=sweep'],
      '--shard: the stage refine is not made in shards where refine.background is sweep: it is chosen by the CAMs of all images together; run it without --shard, or give a score: --set refine.background=0.4',
    ],
  ])('%s %j', async (stage, set, message) => {
    await expect(part('1/2', { stage, recipe: recipeWith(...set) })).rejects.toThrow(message)
  })

  it('is several stages, and one from the start', async () => {
    const options = { recipe: 'mctformer_demo', data: '/nowhere', shard: { index: 1, count: 2 } }
    await expect(runRecipe({ ...options, stages: ['maps', 'refine'] })).rejects.toThrow(
      '--shard: is for one stage; maps, refine and predict are made in shards',
    )
    await expect(runRecipe({ ...options, stages: ['maps'], force: true })).rejects.toThrow(
      '--force: has no effect with --shard: a shard keeps what the others have made; leave it out; to make the files of maps anew, delete them first',
    )
  })
})
