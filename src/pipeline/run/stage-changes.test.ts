import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Dataset } from '../../data/dataset.ts'
import { createLog } from '../../train/log.ts'
import { exists } from '../images/image-pass.ts'
import { parseRecipe } from '../recipe/load.ts'
import { parseSet } from '../recipe/overrides.ts'
import { openRunFolder, type RunFolder, runFolder } from './run-folder.ts'
import { type RunStagesOptions, runStages } from './run-stages.ts'
import type { Stage, StageContext, StageName } from './stage.ts'

type StageTable = Readonly<Record<StageName, () => Promise<Stage>>>

import { readMarker } from './stage-marker.ts'

const IDS = ['a', 'b', 'c']
let folder = ''
let lines: string[] = []
/** What stages were asked to make: `train`, `maps a`, ... */
let made: string[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-changes-'))
  for (const id of IDS) await writeFile(image(id), `photo ${id}`)
  for (const id of IDS) await writeFile(join(folder, `${id}.png`), `mask ${id}`)
  await writeFile(join(folder, 'weights.pth'), 'weights 1')
  lines = []
  made = []
})

const image = (id: string): string => join(folder, `${id}.jpg`)
const root = (name = 'one'): string => join(folder, 'runs', name)
const told = (): string => lines.join('').replaceAll(folder, '')

function dataset(): Dataset {
  const samples = IDS.map(id => ({ id, image: image(id), tags: [0], mask: join(folder, `${id}.png`) }))
  return { name: 'tiny', root: folder, split: 'train', classes: ['cat'], samples, warnings: [] }
}

/** Images that say "broken" cannot be used. What is there already is not recomputed. */
async function make(
  stage: StageName,
  { dataset, onLost }: StageContext,
  fileOf: (id: string) => string,
): Promise<void> {
  for (const { id, image: file } of dataset.samples) {
    const text = await readFile(file, 'utf8').catch(() => 'broken')
    if (text.startsWith('broken')) onLost?.({ id })
    else if (!(await exists(fileOf(id)))) {
      await mkdir(dirname(fileOf(id)), { recursive: true })
      await writeFile(fileOf(id), `${stage} of ${text}`)
      made.push(`${stage} ${id}`)
    }
  }
}

async function write(stage: StageName, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, stage)
  made.push(stage)
}

const last = (checkpoints: string): string => join(checkpoints, 'last.safetensors')

const table: StageTable = {
  train: async () => async context => {
    await make('train', context, id => join(folder, 'seen', id))
    await write('train', last(context.run.checkpoints))
  },
  maps: async () => context => make('maps', context, id => join(context.run.maps, `${id}.safetensors`)),
  evaluate:
    async () =>
    ({ run }) =>
      write('evaluate', run.scores),
  affinity:
    async () =>
    ({ run }) =>
      write('affinity', last(run.affinityCheckpoints)),
  refine: async () => async context => {
    await make('refine', context, id => join(context.run.pseudoMasks, `${id}.png`))
    await write('refine', context.run.refineScores)
  },
  segment:
    async () =>
    ({ run }) =>
      write('segment', last(run.segmentCheckpoints)),
  predict: async () => async context => {
    for (const way of ['single', 'ms', 'ms-crf'])
      await make('predict', context, id => join(context.run.predictions, 'train', way, `${id}.png`))
    await write('predict', context.run.predictionScores)
  },
  result:
    async () =>
    ({ run }) =>
      write('result', join(run.result, 'labels.txt')),
  report:
    async () =>
    ({ run }) =>
      write('report', run.report),
}

async function go(
  set: readonly string[] = [],
  { table: works = table, ...options }: Partial<RunStagesOptions> & { table?: StageTable } = {},
): Promise<StageName[]> {
  const recipe = parseRecipe('method: mctformer\n', 'my.yaml', set.map(parseSet))
  const run = options.run ?? (await openRunFolder(root(), recipe))
  lines = []
  made = []
  return runStages({
    recipe,
    run,
    dataset: dataset(),
    load: ({ name }) => works[name]!(),
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
    ...options,
  })
}

const SEGMENT = ['segment={}', 'refine.method=crf']

describe('what a stage rests on', () => {
  it('is what the stage before it has made: trained again by itself, all after it is rerun', async () => {
    await go()
    expect(await go([], { stages: ['train'], force: true })).toEqual(['train'])
    expect(await go()).toEqual(['maps', 'evaluate', 'result', 'report'])
    expect(told()).toContain('maps: rerun, since the weights of train have changed\n')
    expect(told()).toContain('evaluate: rerun, since the CAMs have changed\n')
    expect(await go()).toEqual([])
  })

  it('is what is in a file of weights, not its name, size and time', async () => {
    const weights = join(folder, 'weights.pth')
    const set = [`weights=${weights}`]
    await go(set)
    const { atime, mtime } = await stat(weights)
    await writeFile(weights, 'weights 2')
    await utimes(weights, atime, mtime)
    expect(await go(set)).toContain('train')
    expect(told()).toContain('train: rerun, since the weight file has changed\n')
    await writeFile(join(folder, 'moved.pth'), 'weights 2')
    expect(await go([`weights=${join(folder, 'moved.pth')}`])).toEqual([])
  })

  it('is the network that published weights are put into', async () => {
    const set = [`maps.weights=${join(folder, 'weights.pth')}`]
    await go(set)
    expect(await go([...set, 'model.variant=plus'])).toEqual(['maps', 'evaluate', 'result', 'report'])
    expect(told()).toContain('maps: rerun, since model.variant is "plus", was "v2"\n')
  })

  it('is the true masks, where it scores or chooses by them; what was made stays where they only score', async () => {
    await go(SEGMENT)
    await writeFile(join(folder, 'b.png'), 'mask B')
    expect(await go(SEGMENT)).toEqual(['evaluate', 'refine', 'predict', 'result', 'report'])
    expect(made).toEqual(['evaluate', 'refine', 'predict', 'result', 'report']) // no pseudo mask, no prediction
    expect(told()).toContain('evaluate: rerun, since the ground-truth masks have changed\n')
    expect(told()).toContain(
      'refine: resumed, since the ground-truth masks have changed and evaluate was rerun\n',
    )
    expect(told()).toContain(
      'report: rerun, since the ground-truth masks have changed and evaluate, refine and predict were rerun\n',
    )
    const sweep = [...SEGMENT, 'refine.background=sweep']
    await go(sweep)
    await writeFile(join(folder, 'b.png'), 'mask b')
    expect(await go(sweep)).toEqual(['evaluate', 'refine', 'segment', 'predict', 'result', 'report'])
  })

  it('is not the true masks where the threshold is given: they only score', async () => {
    const given = [...SEGMENT, 'evaluate.threshold=0.4']
    await go(given)
    await writeFile(join(folder, 'b.png'), 'mask B')
    expect(await go(given)).toEqual(['evaluate', 'refine', 'predict', 'report'])
    expect(told()).toContain('evaluate: resumed, since the ground-truth masks have changed\n')
  })

  it('is what is in the images, also where size and time are the same', async () => {
    await go()
    const { atime, mtime } = await stat(image('b'))
    await writeFile(image('b'), 'photo B')
    await utimes(image('b'), atime, mtime)
    expect(await go()).toEqual(['train', 'maps', 'evaluate', 'result', 'report'])
    expect(told()).toContain('train: rerun, since other images have the names b\n')
  })

  it('with more examples in the report, only their predictions are made', async () => {
    await go(SEGMENT)
    expect(await go([...SEGMENT, 'report.images=99'])).toEqual(['predict', 'report'])
    expect(made).toEqual(['predict', 'report'])
    expect(told()).toContain('predict: resumed, since the report shows another number of images\n')
  })

  it('several changes are named in one sentence', async () => {
    await go()
    await go(['maps.layers=2', 'maps.flip=false', 'evaluate.absent=skip'])
    expect(told()).toContain('maps: rerun, since maps.flip is false, was true and maps.layers is 2, was 3\n')
  })
})

describe('an image that could not be read', () => {
  it('and is repaired gets its map, and the training stays', async () => {
    await writeFile(image('b'), 'broken')
    await go(SEGMENT)
    expect(await go(SEGMENT)).toEqual([])
    await writeFile(image('b'), 'photo b')
    expect(await go(SEGMENT)).toEqual([
      'maps',
      'evaluate',
      'refine',
      'segment',
      'predict',
      'result',
      'report',
    ])
    expect(made).toContain('maps b')
    expect(made).not.toContain('maps a')
    expect(told()).toContain('maps: resumed, since b can be read now\n')
    expect(told()).toContain(
      'train: was run without b, which can be read now; it stays (--force reruns it)\n',
    )
    expect(await go(SEGMENT)).toEqual([])
    expect(await go([], { stages: ['train'], force: true })).toEqual(['train'])
    await go()
    expect(told()).not.toContain('was run without')
  })

  it('nor can after a repair leaves all as it is', async () => {
    await writeFile(image('b'), 'broken')
    await go()
    await writeFile(image('b'), 'broken otherwise')
    expect(await go()).toEqual(['maps', 'report']) // what maps says of it may be news
    expect(made).toEqual(['report'])
    expect(await go()).toEqual([])
  })

  it('is repaired while the stage was interrupted: what was made stays', async () => {
    await writeFile(image('c'), 'broken')
    const half: StageTable = {
      ...table,
      maps: async () => async context => {
        await table.maps!().then(maps => maps(context))
        throw new Error('killed')
      },
    }
    await expect(go([], { table: half })).rejects.toThrow('killed')
    await writeFile(image('c'), 'photo c')
    expect(await go()).toEqual(['maps', 'evaluate', 'result', 'report'])
    expect(made).toEqual(['maps c', 'evaluate', 'result', 'report'])
    expect(await go()).toEqual([])
  })
})

describe('files of a stage that is done', () => {
  it('that are gone or cut short are recomputed, only those', async () => {
    await go()
    await rm(join(root(), 'maps', 'a.safetensors'))
    await writeFile(join(root(), 'maps', 'c.safetensors'), '')
    await expect(go([], { stages: ['evaluate'], force: true })).rejects.toThrow(
      `${root()}: the stage maps must be resumed, since 2 files are gone or damaged: a.safetensors, c.safetensors; run it first: tagmask maps ${root()}`,
    )
    expect(await go()).toEqual(['maps', 'report'])
    expect(made).toEqual(['maps a', 'maps c', 'report'])
    expect(told()).toContain(
      'maps: resumed, since 2 files are gone or damaged: a.safetensors, c.safetensors\n',
    )
    expect(await go()).toEqual([])
  })

  it('that cannot be recomputed end the run: weights without a state', async () => {
    await go()
    await writeFile(join(root(), 'checkpoints', 'best.safetensors'), 'best')
    await go([], { stages: ['train'] })
    await go(['seed=1'], { stages: ['train'], table: { ...table, train: withBest } })
    await rm(join(root(), 'checkpoints', 'best.safetensors'))
    await expect(go(['seed=1'])).rejects.toThrow(
      `${join(root(), 'checkpoints', 'best.safetensors')}: is gone and cannot be written from the existing state; restore it, or train from the start: tagmask train ${root()} --force`,
    )
  })

  it('are looked for at its end: one that made nothing is not done', async () => {
    const idle: StageTable = { ...table, maps: async () => async () => {} }
    await expect(go([], { table: idle })).rejects.toThrow(
      `${join(root(), 'maps')}: the stage maps has written nothing here: it is not done; fix what is named above and resume with the same command`,
    )
    expect((await readMarker(runFolder(root()), 'maps'))?.state).toBe('running')
    expect(await go()).toEqual(['maps', 'evaluate', 'result', 'report'])
  })

  it('go where nothing needs them any more: states, and the weights of earlier rounds', async () => {
    const spent: StageTable = {
      ...table,
      train: async () => async context => {
        await table.train!().then(train => train(context))
        await writeFile(join(context.run.checkpoints, 'state.safetensors'), 'state')
      },
      segment: async () => async context => {
        const { segmentRounds } = context.run
        await table.segment!().then(segment => segment(context))
        await write('round', join(segmentRounds, '1', 'checkpoints', 'last.safetensors'))
        await write('labels', join(segmentRounds, '1', 'masks', 'a.png'))
      },
    }
    await go(SEGMENT, { table: spent })
    const { checkpoints, segmentRounds } = runFolder(root())
    expect(await readdir(checkpoints)).toEqual(['last.safetensors'])
    expect((await readdir(segmentRounds, { recursive: true })).sort()).toEqual([
      '1',
      '1/checkpoints',
      '1/masks',
      '1/masks/a.png',
    ])
    expect(await go(SEGMENT)).toEqual([]) // none is missed
    expect(await go([...SEGMENT, 'keep=all', 'seed=3'], { table: spent })).toContain('train')
    expect((await readdir(checkpoints)).sort()).toEqual(['last.safetensors', 'state.safetensors'])
  })

  it('that people change stay, also where their stage is rerun', async () => {
    await go()
    const { result, root: place } = runFolder(root())
    await writeFile(join(result, 'labels.txt'), 'corrected by hand')
    expect(await go()).toEqual([])
    expect(await go(['evaluate.threshold=0.5'])).toEqual(['evaluate', 'result', 'report'])
    expect(await readFile(join(place, 'result.old-1', 'labels.txt'), 'utf8')).toBe('corrected by hand')
    expect(await readFile(join(result, 'labels.txt'), 'utf8')).toBe('result')
    expect(told()).toContain('kept the old files as ')
    await go(['evaluate.threshold=0.6'])
    expect(await readdir(place)).not.toContain('result.old-2') // as the stage left it
    await writeFile(join(result, 'notes.txt'), 'mine')
    await go(['evaluate.threshold=0.7'])
    expect(await readFile(join(place, 'result.old-2', 'notes.txt'), 'utf8')).toBe('mine')

    await writeFile(join(result, 'masks.txt'), 'added')
    await rm(join(result, 'labels.txt'))
    expect(await go(['evaluate.threshold=0.7'])).toEqual(['result']) // repaired
    await go(['evaluate.threshold=0.8'])
    expect(await readFile(join(place, 'result.old-3', 'masks.txt'), 'utf8')).toBe('added')

    await writeFile(join(result, 'labels.txt'), 'RESULT') // as long as what was there, and older
    await utimes(join(result, 'labels.txt'), 0, 0)
    await go(['evaluate.threshold=0.9'])
    expect(await readFile(join(place, 'result.old-4', 'labels.txt'), 'utf8')).toBe('RESULT')
  })

  it('of trainings of earlier rounds are kept aside too', async () => {
    await go(SEGMENT)
    const round = join(root(), 'segment-rounds', '1', 'checkpoints')
    await mkdir(round, { recursive: true })
    await writeFile(last(round), 'hours')
    await go([...SEGMENT, 'segment.epochs=2'])
    const kept = join(root(), 'segment-rounds.old-1', '1', 'checkpoints')
    expect(await readFile(last(kept), 'utf8')).toBe('hours')
  })
})

const withBest = async () => async (context: StageContext) => {
  await table.train!().then(train => train(context))
  await writeFile(join(context.run.checkpoints, 'best.safetensors'), 'best')
}

it('killed while outputs are cleared, the stage is not done under the old settings either', async () => {
  await go()
  const run = runFolder(root())
  // cleared after maps/; no process may remove it
  const killed: RunFolder = { ...run, headWeights: '/proc/version' }
  await expect(go(['maps.layers=2'], { run: killed })).rejects.toThrow('/proc/version')
  expect(await readdir(run.maps)).toEqual([])
  expect(await go()).toEqual(['maps', 'evaluate', 'result', 'report'])
  expect(made).toEqual(['maps a', 'maps b', 'maps c', 'evaluate', 'result', 'report'])
})

it('a sibling takes over what was made from the same contents, and only that', async () => {
  const set = [`weights=${join(folder, 'weights.pth')}`]
  await go(set)
  const recipe = parseRecipe('method: mctformer\n', 'x')
  const two = await openRunFolder(root('two'), recipe)
  expect(await go(set, { run: two, siblings: [root()] })).toEqual(['result']) // people may have changed it there
  expect(told()).toContain('train: reused from /runs/one, which has the same inputs\n')
  expect(await go(set, { run: two, siblings: [root()] })).toEqual([])
  await mkdir(join(folder, 'other'))
  await writeFile(join(folder, 'other', 'weights.pth'), 'weights 2') // name and size are the same
  const three = await openRunFolder(root('three'), recipe)
  const other = [`weights=${join(folder, 'other', 'weights.pth')}`]
  expect(await go(other, { run: three, siblings: [root()] })).toContain('train')
  expect((await readdir(two.maps)).sort()).toEqual(IDS.map(id => `${id}.safetensors`))
})
