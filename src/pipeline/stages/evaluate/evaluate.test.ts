import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from 'fast-png'
import sharp from 'sharp'
import { beforeEach, describe, expect, it } from 'vitest'
import { openDataset } from '../../../data/dataset.ts'
import { encodeLabelMap, readLabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import { fromFloat32 } from '../../../io/tensor-data.ts'
import { createLog, type Log } from '../../../train/log.ts'
import { writeCams } from '../../images/cam-file.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { parseSet } from '../../recipe/overrides.ts'
import { openRunFolder, type RunFolder } from '../../run/run-folder.ts'
import { evaluateStage, type ScoresFile } from './evaluate.ts'

// Four images of 4x2 pixels; the cat is the left half, its map 0.8 there and 0.3 elsewhere.
const WIDTH = 4
const HEIGHT = 2
const IDS = ['a', 'b', 'c', 'd']
const half = (left: number, right: number) =>
  Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i % WIDTH < 2 ? left : right))

let folder = ''
let run: RunFolder
let lines: string[] = []
let log: Log

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  await mkdir(join(folder, 'data', 'images'), { recursive: true })
  await mkdir(join(folder, 'data', 'masks'))
  for (const id of IDS) {
    const pixels = Buffer.alloc(WIDTH * HEIGHT * 3, 90)
    await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .png()
      .toFile(join(folder, 'data', 'images', `${id}.png`))
    await writeLabelMap(join(folder, 'data', 'masks', `${id}.png`), {
      width: WIDTH,
      height: HEIGHT,
      data: Uint8Array.from(half(1, 0)),
    })
  }
  await writeFile(join(folder, 'data', 'tags.csv'), `file,tags\n${IDS.map(id => `${id}.png,cat\n`).join('')}`)
  lines = []
  log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
})

async function evaluate(...set: string[]): Promise<ScoresFile> {
  const root = join(folder, 'data')
  const recipe = parseRecipe('method: mctformer\n', 'x', [`data.root=${root}`, ...set].map(parseSet))
  run = await openRunFolder(join(folder, 'run'), recipe)
  if ((await readdir(run.maps)).length === 0) {
    for (const id of IDS) {
      const cam = fromFloat32(Float32Array.from(half(0.8, 0.3)), [1, HEIGHT, WIDTH])
      await writeCams(join(run.maps, `${id}.safetensors`), { cam, classes: [0] })
    }
  }
  await evaluateStage({
    recipe,
    run,
    dataset: await openDataset(root),
    valDataset: undefined,
    signal: new AbortController().signal,
    log,
  })
  return JSON.parse(await readFile(run.scores, 'utf8')) as ScoresFile
}

describe('stage evaluate', () => {
  it('finds the threshold that separates, warns how it was chosen, and draws the masks', async () => {
    const { scores, threshold } = await evaluate()
    expect(scores[0]).toMatchObject({ metric: 'seed', split: 'train', images: 4 })
    expect(scores[0]?.miou).toBeCloseTo(100, 6)
    expect(threshold).toBe(0.3) // the lowest of those that are equally good
    expect(scores[0]?.curve?.length).toBe(101)
    expect(scores[0]?.curve?.[20]?.miou).toBeCloseTo(25, 6) // everything is cat: IoU 50 and 0
    expect(lines.join('')).toContain('chosen on the same train masks that it is scored on')
    expect(await readFile(run.scoresTable, 'utf8')).toContain(
      'seed mIoU on train (4 images), threshold 0.30, swept on the same masks it is scored on',
    )
    const mask = await readLabelMap(join(run.masks, 'a.png'))
    expect([...mask.data]).toEqual(half(1, 0))
    expect(JSON.parse(await readFile(run.imageScores, 'utf8'))).toEqual(IDS.map(id => ({ id, miou: 100 })))
  })

  it('takes a given threshold, and says so', async () => {
    const { scores, threshold } = await evaluate('evaluate.threshold=0.25', 'evaluate.sweep.step=0.5')
    expect(threshold).toBe(0.25)
    expect(scores[0]?.threshold).toEqual({ value: 0.25, choice: { how: 'given' } })
    expect(scores[0]?.curve?.map(point => point.threshold)).toEqual([0, 0.25, 0.5, 0.67, 1])
    expect(scores[0]?.miou).toBeCloseTo(25, 6)
    expect(scores[0]?.warnings).toEqual([])
  })

  it('scores regions without their edges where it is told to, and says so; the masks stay whole', async () => {
    const { scores } = await evaluate('evaluate.threshold=0.4', 'evaluate.erosion=3')
    expect(scores[0]?.erosion).toBe(3)
    expect(scores[0]?.fp).toBeCloseTo(100 / 6, 6) // the cat keeps its first column, the background gains the second
    expect(lines.join('')).toContain('threshold 0.40, given, regions eroded by 3x3 pixels')
    expect([...(await readLabelMap(join(run.masks, 'a.png'))).data]).toEqual(half(1, 0))
    await expect(evaluate('evaluate.erosion=4')).rejects.toThrow(
      'evaluate.erosion): 4 is even; expected an odd number, such as 7',
    )
  })

  it('takes the threshold that the CAMs are made for, with masks and without; a given one wins', async () => {
    const own = ['method=cti', 'maps.background=token']
    const { scores, threshold } = await evaluate(...own, 'evaluate.sweep.step=0.4')
    expect(threshold).toBe(0.5)
    expect(scores[0]?.threshold).toEqual({ value: 0.5, choice: { how: 'what the CAMs are made for' } })
    expect(scores[0]?.curve?.map(point => point.threshold)).toEqual([0, 0.4, 0.5, 0.67, 0.8])
    expect(scores[0]?.warnings).toEqual([])
    expect((await evaluate(...own, 'evaluate.threshold=0.25')).threshold).toBe(0.25)
    await rm(join(folder, 'data', 'masks'), { recursive: true })
    expect(await evaluate(...own)).toMatchObject({ scores: [], threshold: 0.5 })
  })

  it('says what the threshold from the CAMs alone would be worth, and takes it where told to', async () => {
    const { ofCams, choice, threshold } = await evaluate()
    expect([threshold, choice, ofCams]).toEqual([
      0.3,
      { how: 'swept on the same masks it is scored on' },
      { threshold: 0.67, miou: expect.closeTo(100, 6) },
    ])
    const line = 'Without masks the threshold would be 0.67, from the CAMs alone: seed 100.00.'
    expect(await readFile(run.scoresTable, 'utf8')).toContain(line)
    const alone = await evaluate('evaluate.threshold=cams')
    expect(alone.scores[0]?.threshold).toEqual({ value: 0.67, choice: { how: 'from the CAMs alone' } })
    expect(alone.scores[0]?.warnings).toEqual([])
    expect(lines.join('')).toContain('threshold 0.67, from the CAMs alone')
  })

  it('makes masks and no score without masks to score on', async () => {
    await rm(join(folder, 'data', 'masks'), { recursive: true })
    expect(await evaluate()).toMatchObject({ scores: [], threshold: 0.67 })
    expect((await readdir(run.masks)).length).toBe(4)
    expect(lines.join('')).toContain(
      'No image of train has a mask: nothing is scored. Masks were made at threshold 0.67, from the CAMs alone.',
    )
  })

  it('names an unreadable image and continues; under strict it ends', async () => {
    await writeFile(join(folder, 'data', 'masks', 'b.png'), 'no png')
    await writeLabelMap(join(folder, 'data', 'masks', 'c.png'), {
      width: 1,
      height: 1,
      data: Uint8Array.of(0),
    })
    const { scores } = await evaluate()
    expect(scores[0]?.images).toBe(2)
    expect(log.warnings.find(text => text.startsWith('b is left out of the scores'))).toContain('b.png')
    expect(log.warnings.find(text => text.startsWith('c is left out of the scores'))).toContain(
      'the mask is 1x1 pixels but the CAM is 4x2',
    )
    await expect(evaluate('strict=true')).rejects.toThrow('b.png')
  })

  it('says which images have no map, and refuses when none has', async () => {
    await evaluate()
    await rm(join(run.maps, 'd.safetensors'))
    expect((await evaluate()).scores[0]?.images).toBe(3)
    expect(log.warnings).toContain(
      'evaluate: 1 of 4 images of train with a mask, without a CAM, left out of the scores: d',
    )
    for (const id of IDS) await writeFile(join(run.maps, `${id}.safetensors`), 'cut')
    await expect(evaluate()).rejects.toThrow('holds no CAM that can be scored for any of 4 images of train')
  })

  describe('masks that tell nothing', () => {
    const put = (id: string, png: Uint8Array) => writeFile(join(folder, 'data', 'masks', `${id}.png`), png)
    const filled = (value: number) =>
      encodeLabelMap({ width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT).fill(value) })

    it('none of them can be used: named in one line, the masks by the CAMs alone, and the stage is done', async () => {
      const rgb = encode({
        width: WIDTH,
        height: HEIGHT,
        channels: 3,
        data: Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => (i * 37) % 251),
      })
      for (const id of IDS) await put(id, rgb)
      expect(await evaluate()).toMatchObject({ scores: [], threshold: 0.67 })
      const left = log.warnings.filter(text => text.includes('left out of the scores'))
      expect(left).toHaveLength(1)
      expect(left[0]).toMatch(
        /^4 images are left out of the scores for one cause \(a, b, c and 1 more\): .*a\.png: has colours, and nothing says/,
      )
      expect(await readFile(run.scoresTable, 'utf8')).toBe(
        'None of 4 masks of train can be used: nothing is scored. Masks were made at threshold 0.67, from the CAMs alone.\n',
      )
      expect((await readdir(run.masks)).length).toBe(4)
      expect(JSON.parse(await readFile(run.imageScores, 'utf8'))).toEqual([])
      expect(await evaluate('evaluate.threshold=0.7')).toMatchObject({ scores: [], threshold: 0.7 })
    })

    it('all of them are 255: no threshold is chosen by them', async () => {
      for (const id of IDS) await put(id, filled(255))
      expect(await evaluate()).toMatchObject({ scores: [], threshold: 0.67 })
      expect(await readFile(run.scoresTable, 'utf8')).toBe(
        'The masks of train hold only 255, which is ignored: nothing is scored. Masks were made at threshold 0.67, from the CAMs alone.\n',
      )
      expect(JSON.parse(await readFile(run.imageScores, 'utf8'))).toEqual([])
    })

    it('none holds a class: no threshold is chosen by them, and the tag is warned of', async () => {
      for (const id of IDS) await put(id, filled(0))
      expect(await evaluate()).toMatchObject({ scores: [], threshold: 0.67 })
      expect(lines.join('')).toContain('No mask of train holds a pixel of a class: nothing is scored.')
      expect(log.warnings).toContain(
        'no mask of train holds a pixel of "cat" (4 images), although images with masks have that tag: are the masks numbered differently?',
      )
    })

    it('they hold what their images are not tagged with', async () => {
      await writeFile(join(folder, 'data', 'classes.txt'), 'cat\ndog\n')
      for (const id of ['a', 'b'])
        await put(id, encodeLabelMap({ width: WIDTH, height: HEIGHT, data: Uint8Array.from(half(1, 2)) }))
      expect((await evaluate()).scores[0]?.images).toBe(4)
      expect(log.warnings).toContain(
        'masks of train hold classes that their images are not tagged with: "dog" (2 images, as a)',
      )
    })
  })

  it('blames evaluate.split only when no image of it is one of data.split', async () => {
    await writeFile(join(folder, 'data', 'val.txt'), 'a.png\nb.png\n')
    await writeFile(join(folder, 'data', 'train.txt'), 'c.png\nd.png\n')
    await evaluate('evaluate.split=val')
    for (const id of ['a', 'b']) await rm(join(run.maps, `${id}.safetensors`))
    await expect(evaluate('evaluate.split=val')).rejects.toThrow(
      `${run.maps}: holds no CAM that can be scored for any of 2 images of val; evaluate.split must name images of data.split, which have CAMs`,
    )
    for (const id of ['c', 'd']) await rm(join(run.maps, `${id}.safetensors`))
    await writeFile(join(run.maps, 'x.safetensors'), '')
    await expect(evaluate()).rejects.toThrow(
      `${run.maps}: holds no CAM that can be scored for any of 2 images of train; rerun the stage maps: tagmask maps RUN --force`,
    )
  })

  it('is not done when more maps cannot be read than data.maxLost allows', async () => {
    await evaluate()
    for (const id of ['a', 'b', 'c']) await writeFile(join(run.maps, `${id}.safetensors`), 'cut')
    await expect(evaluate()).rejects.toThrow('masks (data.maxLost): 3 of 4 images could not be used')
    expect((await evaluate('data.maxLost=0.8')).scores[0]?.images).toBe(1)
  })
})
