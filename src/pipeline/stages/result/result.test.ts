import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeEach, describe, expect, it } from 'vitest'
import { openDataset } from '../../../data/dataset.ts'
import { readLabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import { createLog, type Log } from '../../../train/log.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { parseSet } from '../../recipe/overrides.ts'
import { openRunFolder, type RunFolder } from '../../run/run-folder.ts'
import { resultStage } from './result.ts'

// Images of 8x4 pixels; the seed of each is a cat in the left half.
const [WIDTH, HEIGHT] = [8, 4]
const half = (left: number, right: number) => ({
  width: WIDTH,
  height: HEIGHT,
  data: Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i % WIDTH < WIDTH / 2 ? left : right)),
})

let folder = ''
let run: RunFolder
let lines: string[] = []
let log: Log

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  await mkdir(join(folder, 'data', 'images'), { recursive: true })
  for (const id of ['a', 'b', 'c', 'd'])
    await sharp(Buffer.alloc(WIDTH * HEIGHT * 3, 90), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .png()
      .toFile(join(folder, 'data', 'images', `${id}.png`))
  await writeFile(
    join(folder, 'data', 'tags.csv'),
    'file,tags\na.png,cat\nb.png,cat\nc.png,cat;dog\nd.png,dog\n',
  )
  await writeFile(join(folder, 'data', 'train.txt'), 'a\nb\nc\n')
  await writeFile(join(folder, 'data', 'val.txt'), 'd\n')
  lines = []
  log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
})

async function context(...set: string[]) {
  const root = join(folder, 'data')
  const recipe = parseRecipe(
    'method: mctformer\nrefine: { method: none }\n',
    'x',
    [`data.root=${root}`, ...set].map(parseSet),
  )
  run = await openRunFolder(join(folder, 'run'), recipe)
  for (const id of ['a', 'b', 'c']) await writeLabelMap(join(run.masks, `${id}.png`), half(1, 0))
  const [dataset, valDataset] = [
    await openDataset(root, { split: 'train' }),
    await openDataset(root, { split: 'val' }),
  ]
  return { recipe, run, dataset, valDataset, signal: new AbortController().signal, log }
}

const text = (name: string) => readFile(join(run.result, name), 'utf8')

describe('stage result', () => {
  it('gathers masks, overlays, labels and areas, and says what they are and which images have none', async () => {
    await resultStage(await context())
    expect((await readdir(join(run.result, 'masks'))).sort()).toEqual(['a.png', 'b.png', 'c.png'])
    expect((await readdir(join(run.result, 'overlays'))).sort()).toEqual(['a.jpg', 'b.jpg', 'c.jpg'])
    expect([...(await readLabelMap(join(run.result, 'masks', 'a.png'))).data]).toEqual([...half(1, 0).data])
    expect(await text('labels.txt')).toBe('0\t#000000\tbackground\n1\t#800000\tcat\n2\t#008000\tdog\n')
    expect(await text('areas.csv')).toBe(
      [
        'image,mask,split,mask is,width,height,background (%),cat (%),dog (%)',
        ...['a', 'b', 'c'].map(id => `${id}.png,${id}.png,train,seed,8,4,50.000,50.000,0.000`),
        '',
      ].join('\n'),
    )
    expect(lines).toContain('result: train: seed (3)\n')
    expect(lines).toContain('result: 1 image has no mask, since no stage has made one: d\n')
  })

  it('takes the last mask that there is: of training images those of the last round, of validation images predictions', async () => {
    const given = await context(
      'refine.method=crf',
      'segment={retrain: {rounds: 1}}',
      'segment.backbone=model',
    )
    await mkdir(run.pseudoMasks, { recursive: true })
    for (const id of ['a', 'b']) await writeLabelMap(join(run.pseudoMasks, `${id}.png`), half(0, 1))
    const rounds = join(run.segmentRounds, '1', 'masks')
    await mkdir(rounds, { recursive: true })
    await writeLabelMap(join(rounds, 'a.png'), half(1, 1))
    const predicted = join(run.predictions, 'val', 'ms-crf')
    await mkdir(predicted, { recursive: true })
    await writeLabelMap(join(predicted, 'd.png'), half(2, 255))
    await resultStage(given)
    const rows = (await text('areas.csv')).split('\n').slice(1, -1)
    expect(rows).toEqual([
      'a.png,a.png,train,labels of the last round,8,4,0.000,100.000,0.000',
      'b.png,b.png,train,pseudo mask,8,4,50.000,50.000,0.000',
      'c.png,c.png,train,seed,8,4,50.000,50.000,0.000',
      'd.png,d.png,val,prediction,8,4,0.000,0.000,50.000', // 255 is no class
    ])
    expect(lines).toContain(
      'result: train: labels of the last round (1), train: pseudo mask (1), train: seed (1), val: prediction (1)\n',
    )
  })

  it('writes no overlays of more images than it is told, and says so', async () => {
    await resultStage(await context('result.overlays=2'))
    expect(await readdir(run.result)).not.toContain('overlays')
    expect(lines).toContain(
      'result: no overlays, since there are more than 2 images (--set result.overlays=3)\n',
    )
  })

  it('names an image that cannot be read; its mask is there', async () => {
    const given = await context()
    await writeFile(join(folder, 'data', 'images', 'b.png'), 'no image')
    await resultStage(given)
    expect(lines.join('')).toMatch(
      /warning: result: 1 of 3 images could not be used: .*b\.png: cannot be decoded/,
    )
    expect((await readdir(join(run.result, 'overlays'))).sort()).toEqual(['a.jpg', 'c.jpg'])
    expect((await text('areas.csv')).split('\n')).toHaveLength(5)
  })

  it('quotes names, and marks a table that is not ASCII for spreadsheets', async () => {
    await writeFile(
      join(folder, 'data', 'tags.csv'),
      'file,tags\na.png,"Bär ""braun"""\nb.png,x\nc.png,x\nd.png,x\n',
    )
    await resultStage(await context())
    expect((await text('areas.csv')).split('\n')[0]).toBe(
      '\uFEFFimage,mask,split,mask is,width,height,background (%),"Bär ""braun"" (%)",x (%)',
    )
  })
})
