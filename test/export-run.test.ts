/** @file `tagmask export` of a whole run into every raster format, read back apart from src, also after a correction in result/. */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDemo } from '../src/data/demo/index.ts'
import type { FormatName } from '../src/export/index.ts'
import { readLabelMap, writeLabelMap } from '../src/io/indexed-png.ts'
import { legendNames } from '../src/io/label-legend.ts'
import { type ExportMasksOptions, exportMasks } from '../src/pipeline/export/export-masks.ts'
import { readCams } from '../src/pipeline/images/cam-file.ts'
import { refineCamFolder } from '../src/pipeline/out/refine-cam-folder.ts'
import { CAM_CRF } from '../src/refine/crf-parameters.ts'
import { createLog, silentLog } from '../src/train/log.ts'
import { decodeCocoCounts, decodeColours, vocLabel } from './mask-decoders.ts'
import { TINY_DATA, tinyRun } from './tiny-run.ts'

let folder = ''
let classes: string[] = []
const at = (...names: string[]): string => join(folder, ...names)
const run = (): string => at('runs', 'tiny')
const lines: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-export-run-'))
  await generateDemo(at('data'), TINY_DATA)
  expect(await tinyRun({ folder, runs: at('runs'), name: 'tiny' })).toMatchObject({ end: '0' })
  classes = legendNames(await readFile(join(run(), 'result', 'labels.json'), 'utf8')).slice(1)
}, 240_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

async function exported(format: FormatName, change: Partial<ExportMasksOptions> = {}): Promise<string> {
  const out = at(`${format}-${(await readdir(folder)).length}`)
  await exportMasks({
    target: run(),
    format,
    out,
    runs: at('runs'),
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
    ...change,
  })
  return out
}

interface Coco {
  categories: { id: number; name: string }[]
  images: { id: number; file_name: string; width: number; height: number }[]
  annotations: {
    image_id: number
    category_id: number
    score?: number
    segmentation: { counts: string; size: [number, number] }
  }[]
}

async function cocoOf(change: Partial<ExportMasksOptions> = {}): Promise<Coco> {
  return JSON.parse(await readFile(join(await exported('coco', change), 'coco.json'), 'utf8')) as Coco
}

/** The mask of an image drawn from its annotations. */
function drawn({ images, annotations }: Coco, name: string): Uint8Array {
  const image = images.find(({ file_name }) => basename(file_name).startsWith(`${name}.`))!
  const data = new Uint8Array(image.width * image.height)
  for (const { image_id, category_id, segmentation } of annotations)
    if (image_id === image.id)
      for (const [i, inside] of decodeCocoCounts(segmentation.counts, segmentation.size).entries())
        if (inside === 1) data[i] = category_id
  return data
}

const maskOf = (name: string) => readLabelMap(join(run(), 'result', 'masks', `${name}.png`))

test('the masks of result/ are in the files, those of train and val apart', async () => {
  const names = (await readdir(join(run(), 'result', 'masks'))).map(name => name.slice(0, -4))
  expect(names).toHaveLength(TINY_DATA.images + TINY_DATA.valImages)
  const coco = await cocoOf()
  const mmseg = await exported('mmseg')
  const train = await readdir(join(mmseg, 'ann_dir', 'train'))
  const val = await readdir(join(mmseg, 'ann_dir', 'val'))
  expect([train.length, val.length]).toEqual([TINY_DATA.images, TINY_DATA.valImages])
  expect(await readdir(join(mmseg, 'img_dir', 'val'))).toHaveLength(TINY_DATA.valImages)
  for (const name of names) {
    const { data } = await maskOf(name)
    expect(drawn(coco, name)).toEqual(data.map(label => (label === 255 ? 0 : label)))
    const split = train.includes(`${name}.png`) ? 'train' : 'val'
    const colours = await decodeColours(join(mmseg, 'ann_dir', split, `${name}.png`))
    expect(colours.map(vocLabel)).toEqual([...data])
  }
})

test('corrections in result/masks are exported, with the scores of their classes', async () => {
  const corrected = new Map<string, Uint8Array>()
  for (const file of await readdir(join(run(), 'maps'))) {
    const name = file.slice(0, -'.safetensors'.length)
    const { maps } = await readCams(join(run(), 'maps', file))
    const mask = await maskOf(name)
    const data = mask.data.map((_, i) => (i % 5 === 0 ? 255 : 0))
    for (const [i, k] of [...maps.keys()].entries()) data.fill(k + 1, (i + 1) * 200, (i + 1) * 200 + 150)
    await writeLabelMap(join(run(), 'result', 'masks', `${name}.png`), { ...mask, data })
    corrected.set(name, data)
  }
  const coco = await cocoOf()
  for (const [name, data] of corrected)
    expect(drawn(coco, name)).toEqual(data.map(label => (label === 255 ? 0 : label)))
  const scores = coco.annotations.flatMap(({ score }) => score ?? [])
  expect(scores.length).toBeGreaterThan(TINY_DATA.images - 1)
  for (const score of scores) expect(score >= 0 && score <= 1).toBe(true)
})

test('classes and a least score hold in every format', async () => {
  const all = await cocoOf()
  const last = classes.at(-1)!
  const one = await cocoOf({ classes: [last] })
  expect(one.categories).toMatchObject([{ id: 1, name: last }])
  expect(one.annotations).toHaveLength(
    all.annotations.filter(({ category_id }) => category_id === classes.length).length,
  )
  const scores = [...new Set(all.annotations.flatMap(({ score }) => score ?? []))].sort((a, b) => a - b)
  const middle = Math.floor(scores.length / 2)
  const minScore = (scores[middle - 1]! + scores[middle]!) / 2 // between two, which files round
  const sure = await cocoOf({ minScore })
  expect(sure.annotations.length).toBeLessThan(all.annotations.length)
  for (const { score = 1 } of sure.annotations) expect(score).toBeGreaterThanOrEqual(minScore - 1e-4)
  const text = await readFile(
    join(await exported('label-studio', { classes: [last], minScore }), 'tasks.json'),
    'utf8',
  )
  const tasks = JSON.parse(text) as { predictions: { result: { value: { brushlabels: string[] } }[] }[] }[]
  const regions = tasks.flatMap(({ predictions }) => predictions[0]!.result)
  for (const { value } of regions) expect(value.brushlabels).toEqual([last])
  const left = one.annotations.filter(({ score = 1 }) => score >= minScore)
  expect(regions).toHaveLength(left.length)
})

test('CAMs go out as .npy, and refine and export take such a folder as maps', async () => {
  const out = await exported('npy')
  expect(lines.some(line => line.startsWith(`${TINY_DATA.valImages} masks left out, without CAMs`))).toBe(
    true,
  )
  const npy = (await readdir(out)).filter(name => name.endsWith('.npy'))
  expect(npy).toHaveLength(TINY_DATA.images)
  for (const name of npy) {
    const ours = await readCams(join(run(), 'maps', `${name.slice(0, -4)}.safetensors`))
    expect(await readCams(join(out, name))).toEqual(ours)
  }
  const masksOf = async (maps: string): Promise<Map<string, Uint8Array>> => {
    const made = at(`masks-of-${basename(maps)}`)
    await refineCamFolder({
      maps,
      images: at('data', 'images'),
      out: made,
      alpha: 4,
      refinement: { method: 'crf', parameters: CAM_CRF },
      strict: true,
      force: false,
      signal: new AbortController().signal,
      log: silentLog(),
    })
    const files = (await readdir(made)).filter(name => name.endsWith('.png'))
    return new Map(
      await Promise.all(files.map(async name => [name, await readFile(join(made, name))] as const)),
    )
  }
  const others = at('others')
  await cp(out, others, { recursive: true })
  const refined = await masksOf(others)
  expect(refined.size).toBe(npy.length)
  expect(refined).toEqual(await masksOf(join(run(), 'maps')))
  const scoresOf = async (maps: string) => {
    const target = at('masks-of-others')
    const images = at('data', 'images')
    return (await cocoOf({ target, images, maps })).annotations.map(({ score }) => score)
  }
  const scores = await scoresOf(others)
  expect(scores.every(score => score !== undefined)).toBe(true)
  expect(scores).toEqual(await scoresOf(join(run(), 'maps')))
})
