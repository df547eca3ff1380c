import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Dataset } from '../../data/dataset.ts'
import { silentLog } from '../../train/log.ts'
import { parseRecipe } from '../recipe/load.ts'
import { parseSet } from '../recipe/overrides.ts'
import type { Recipe } from '../recipe/schema.ts'
import {
  existingRunFolder,
  openRunFolder,
  type RunFolder,
  refuseOtherRecipe,
  runFolder,
} from './run-folder.ts'
import { lockRun } from './run-lock.ts'
import { type RunStagesOptions, runStages } from './run-stages.ts'
import { Interrupted, type Stage, type StageContext, type StageName } from './stage.ts'

type StageTable = Readonly<Record<StageName, () => Promise<Stage>>>

import { readMarker } from './stage-marker.ts'

const dataset: Dataset = {
  name: 'tiny',
  root: '/nowhere',
  split: 'train',
  classes: ['cat'],
  samples: [{ id: 'a', image: '/nowhere/a.jpg', tags: [0], mask: undefined }],
  warnings: [],
}

let root = ''
let calls: string[] = []

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'tagmask-')), 'runs', 'one')
  calls = []
})

function recipeWith(...set: string[]): Recipe {
  return parseRecipe('method: mctformer\n', 'my.yaml', set.map(parseSet))
}

/** Stages that write a file each and note what they found. */
function tableWith(
  replace: Partial<Record<StageName, (context: StageContext) => Promise<void>>> = {},
): StageTable {
  const stage =
    (name: StageName, output: (run: RunFolder) => string) => async () => async (context: StageContext) => {
      const file = output(context.run)
      await mkdir(dirname(file), { recursive: true })
      const before = await readFile(file, 'utf8').catch(() => '')
      calls.push(`${name}${before === '' ? '' : ` after ${before}`}`)
      await (replace[name] ?? (() => writeFile(file, name)))(context)
    }
  return {
    train: stage('train', run => join(run.checkpoints, 'last.safetensors')),
    maps: stage('maps', run => join(run.maps, 'a.safetensors')),
    evaluate: stage('evaluate', run => run.scores),
    affinity: stage('affinity', run => join(run.affinityCheckpoints, 'last.safetensors')),
    refine: stage('refine', run => join(run.pseudoMasks, 'a.png')),
    segment: stage('segment', run => join(run.segmentCheckpoints, 'last.safetensors')),
    predict: stage('predict', run => run.predictionScores),
    result: stage('result', run => join(run.result, 'labels.txt')),
    report: stage('report', run => run.report),
  }
}

async function go(
  recipe: Recipe,
  { table = tableWith(), ...options }: Partial<RunStagesOptions> & { table?: StageTable } = {},
): Promise<StageName[]> {
  const run = await openRunFolder(root, recipe)
  return runStages({
    recipe,
    run,
    dataset,
    load: ({ name }) => table[name]!(),
    signal: new AbortController().signal,
    log: silentLog(),
    ...options,
  })
}

describe('stages', () => {
  it('run in order, once', async () => {
    expect(await go(recipeWith())).toEqual(['train', 'maps', 'evaluate', 'result', 'report'])
    expect(await go(recipeWith())).toEqual([])
    expect(calls).toEqual(['train', 'maps', 'evaluate', 'result', 'report'])
  })

  it('are skipped when only keys differ that change no result', async () => {
    await go(recipeWith())
    expect(
      await go(recipeWith('threads=7', 'data.workers=3', 'train.checkpointMinutes=1', 'strict=true')),
    ).toEqual([])
  })

  it.each([
    ['evaluate.sweep.step=0.1', ['evaluate', 'result', 'report']],
    ['maps.layers=2', ['maps', 'evaluate', 'result', 'report']],
    ['train.epochs=3', ['train', 'maps', 'evaluate', 'result', 'report']],
    ['seed=3', ['train', 'maps', 'evaluate', 'result', 'report']],
    ['report.images=3', ['report']],
  ])('%s runs %j again', async (set, again) => {
    await go(recipeWith())
    expect(await go(recipeWith(set))).toEqual(again)
  })

  it.each([
    ['segment.epochs=3', ['segment', 'predict', 'result', 'report']],
    ['predict.flip=false', ['predict', 'result', 'report']],
    ['segment.logEvery=3', []],
    ['refine.background=0.5', ['refine', 'segment', 'predict', 'result', 'report']],
    ['affinity.epochs=3', []],
    ['seed=3', ['train', 'maps', 'evaluate', 'refine', 'segment', 'predict', 'result', 'report']],
  ])('with a section segment there are three more, and %s runs %j again', async (set, again) => {
    const all = ['train', 'maps', 'evaluate', 'refine', 'segment', 'predict', 'result', 'report']
    expect(await go(recipeWith('segment={}'))).toEqual(all)
    expect(await go(recipeWith('segment={}', set))).toEqual(again)
  })

  it.each([
    ['affinity.epochs=3', ['affinity', 'refine', 'result', 'report']],
    ['affinity.logEvery=3', []],
    ['refine.walk.beta=4', ['refine', 'result', 'report']],
    ['evaluate.threshold=0.5', ['evaluate', 'refine', 'result', 'report']],
  ])('with refine.method affinity there are two more, and %s runs %j again', async (set, again) => {
    const all = ['train', 'maps', 'evaluate', 'affinity', 'refine', 'result', 'report']
    expect(await go(recipeWith('refine.method=affinity'))).toEqual(all)
    expect(await go(recipeWith('refine.method=affinity', set))).toEqual(again)
  })

  it('refuse a weight file that is not there before anything is done, by its key', async () => {
    await expect(go(recipeWith('segment.weights=/nowhere/res38.pth'))).rejects.toThrow(
      '/nowhere/res38.pth (segment.weights): there is no such weight file; give a .safetensors or .pth file with --set segment.weights=FILE, or a name of published weights (tagmask weights list)',
    )
    expect(calls).toEqual([])
  })

  it('run again when a tag changes', async () => {
    await go(recipeWith())
    const changed = { ...dataset, samples: dataset.samples.map(sample => ({ ...sample, tags: [] })) }
    expect(await go(recipeWith(), { dataset: changed })).toContain('train')
  })

  it('resume on the same inputs, and are rerun after a change', async () => {
    const half = tableWith({
      maps: async ({ run }) => {
        await writeFile(join(run.maps, 'a.safetensors'), 'half')
        throw new Interrupted('image 1')
      },
    })
    await expect(go(recipeWith(), { table: half })).rejects.toThrow('stopped at image 1')
    expect(await go(recipeWith())).toEqual(['maps', 'evaluate', 'result', 'report'])
    expect(calls).toContain('maps after half')

    await expect(go(recipeWith('maps.layers=1'), { table: half })).rejects.toThrow(Interrupted)
    calls = []
    await go(recipeWith('maps.layers=2'))
    expect(calls[0]).toBe('maps') // the half made with one layer is gone
  })

  it('keep trained weights aside when they are trained again', async () => {
    await go(recipeWith())
    await go(recipeWith('seed=1'))
    await go(recipeWith(), { force: true })
    const found = (await readdir(root)).filter(name => name.startsWith('checkpoints')).sort()
    expect(found).toEqual(['checkpoints', 'checkpoints.old-1', 'checkpoints.old-2'])
    expect(await readFile(join(root, 'checkpoints.old-1', 'last.safetensors'), 'utf8')).toBe('train')
  })

  it('refuse to run before the stages they need', async () => {
    await expect(go(recipeWith(), { stages: ['maps'] })).rejects.toThrow(
      `${root}: the stage train is not done; run it first: tagmask train ${root}`,
    )
    await go(recipeWith(), { stages: ['train'] })
    expect(await go(recipeWith(), { stages: ['maps'] })).toEqual(['maps'])
    await expect(go(recipeWith('seed=4'), { stages: ['maps'] })).rejects.toThrow(
      `${root}: the stage train must be rerun, since seed is 4, was 0; run it first: tagmask train ${root}`,
    )
  })

  it('stop before the next one after an abort, and leave no stage marked done', async () => {
    const controller = new AbortController()
    const table = tableWith({
      train: async ({ run }) => {
        await writeFile(join(run.checkpoints, 'last.safetensors'), '')
        controller.abort()
      },
    })
    await expect(go(recipeWith(), { table, signal: controller.signal })).rejects.toThrow(
      'stopped at the start of the stage maps',
    )
    const { run } = await existingRunFolder(root)
    expect((await readMarker(run, 'train'))?.state).toBe('done')
    expect(await readMarker(run, 'maps')).toBeUndefined()
  })

  it('name a weight file that does not exist', async () => {
    await expect(go(recipeWith('weights=/no/such.pth'))).rejects.toThrow(
      '/no/such.pth (weights): there is no such weight file; give a .safetensors or .pth file with --weights, or a name of published weights (tagmask weights list)',
    )
    await expect(go(recipeWith(`weights=${tmpdir()}`))).rejects.toThrow('(weights): is a folder')
  })

  it('survive a marker that was cut short', async () => {
    await go(recipeWith())
    await writeFile(join(root, 'stages', 'maps.json'), '{"stage":')
    expect(await go(recipeWith())).toEqual(['maps', 'evaluate', 'result', 'report']) // what rests on it is made from it
  })
})

describe('the run folder', () => {
  it('holds the resolved recipe', async () => {
    const recipe = recipeWith('train.epochs=3')
    await openRunFolder(root, recipe)
    expect((await existingRunFolder(root)).recipe).toEqual(recipe)
  })

  it('is refused for another recipe, listing the keys', async () => {
    const run = await openRunFolder(root, recipeWith('train.epochs=3'))
    const other = recipeWith('train.epochs=4', 'maps.scales=[1, 2]', 'threads=3')
    await refuseOtherRecipe(root, other) // nothing trained yet: nothing to lose
    await writeFile(join(run.checkpoints, 'last'), '')
    await expect(refuseOtherRecipe(root, other)).rejects.toThrow(
      `${root}: this run was started with another recipe:
  maps.scales: [1] there, [1,2] now
  train.epochs: 3 there, 4 now
give the folder of the run to go on as it was, use --name for a new one, or --resume-with-changes to rerun the stages concerned`,
    )
    expect((await existingRunFolder(root)).recipe.train.epochs).toBe(3)
  })

  it('takes over keys that change no result', async () => {
    const run = await openRunFolder(root, recipeWith())
    await writeFile(join(run.checkpoints, 'last'), '')
    await refuseOtherRecipe(root, recipeWith('threads=3'))
    await openRunFolder(root, recipeWith('threads=3'))
    expect((await existingRunFolder(root)).recipe.threads).toBe(3)
  })

  it('must exist to be resumed', async () => {
    await expect(existingRunFolder(root)).rejects.toThrow(
      `${root}: there is no such run; give the folder of a run, such as runs/NAME`,
    )
    await expect(existingRunFolder(tmpdir())).rejects.toThrow('is not a run folder: it holds no recipe.yaml')
  })

  it('cannot be made below a file', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'tagmask-')), 'file')
    await writeFile(file, '')
    await expect(openRunFolder(join(file, 'one'), recipeWith())).rejects.toThrow(
      'the folder cannot be created; choose another folder with --runs',
    )
  })

  it('is held by one process at a time', async () => {
    const run = runFolder(root)
    await (await lockRun(run))() // makes the folder
    const lock = join(root, 'lock')
    await writeFile(lock, `${process.ppid} ${(await import('node:os')).hostname()}\n`)
    await expect(lockRun(run)).rejects.toThrow(`process ${process.ppid} on`)
    await writeFile(lock, '7 another-machine\n')
    await expect(lockRun(run)).rejects.toThrow(`if it is gone, delete ${lock}`)
    await writeFile(lock, `999999999 ${(await import('node:os')).hostname()}\n`) // a process that is gone
    const release = await lockRun(run)
    await release()
    await expect(stat(lock)).rejects.toThrow()
  })
})
