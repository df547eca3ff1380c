import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { openDataset, type Sample } from '../../../data/dataset.ts'
import { generateDemo } from '../../../data/demo/index.ts'
import { readLabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import { fromFloat32 } from '../../../io/tensor-data.ts'
import { silentLog } from '../../../train/log.ts'
import { openMetrics } from '../../../train/metrics.ts'
import { writeCams } from '../../images/cam-file.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { parseSet } from '../../recipe/overrides.ts'
import type { PageData } from '../../report/browser/page-data.ts'
import { openRunFolder } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'
import { evaluateStage } from '../evaluate/evaluate.ts'
import { predictionFile } from '../predict/prediction-file.ts'
import { scorePredictions } from '../predict/prediction-scores.ts'
import { chooseExamples } from './examples.ts'
import { reportStage } from './report.ts'

const sample = (id: string, ...tags: number[]): Sample => ({
  id,
  image: `${id}.jpg`,
  tags,
  mask: undefined,
})

const dataOf = (html: string): PageData => JSON.parse(/id="page-data">(.*?)<\/script>/s.exec(html)![1]!)

it('shows good, typical and bad images, spread over the classes', () => {
  const samples = Array.from({ length: 90 }, (_, i) =>
    sample(`p${String(i).padStart(2, '0')}`, i % 2 === 0 ? 0 : 1),
  )
  const scores = samples.map(({ id }, i) => ({ id, miou: i }))
  const choices = chooseExamples(samples, { scores, count: 7 })
  expect(choices.map(({ note }) => note?.split(', ')[1])).toEqual([
    'among the best',
    'among the best',
    'among the best',
    'typical',
    'typical',
    'among the worst',
    'among the worst',
  ])
  expect(choices[0]).toMatchObject({ sample: { id: 'p89' }, note: 'mIoU 89.0, among the best' })
  expect(choices.filter(({ sample: { tags } }) => tags[0] === 0).length).toBeGreaterThanOrEqual(3)
  expect(new Set(choices.map(({ sample: { id } }) => id)).size).toBe(7)
  expect(chooseExamples([...samples].reverse(), { scores: [...scores].reverse(), count: 7 })).toEqual(choices)
})

it('shows what there is when there are few images or no scores', () => {
  const samples = [sample('a', 0), sample('b', 0), sample('c', 1), sample('d')]
  expect(chooseExamples(samples, { scores: [], count: 12 }).map(choice => choice.sample.id)).toEqual([
    'a',
    'c',
    'b',
  ])
  expect(
    chooseExamples(samples, { scores: [{ id: 'b', miou: 3 }], count: 12 }).map(choice => choice.sample.id),
  ).toEqual(['b'])
})

it('writes a report from the files of a run', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  const root = join(folder, 'demo')
  await generateDemo(root, { images: 8, valImages: 1, size: 32 })
  const dataset = await openDataset(root)
  const recipe = parseRecipe(
    'method: mctformer\n',
    'x',
    [`data.root=${root}`, 'report.images=4'].map(parseSet),
  )
  const run = await openRunFolder(join(folder, 'run'), recipe)
  for (const { id, tags, mask } of dataset.samples) {
    const truth = await readLabelMap(mask ?? '')
    const cam = Float32Array.from(
      tags.flatMap(k => Array.from(truth.data, label => (label === k + 1 ? 0.9 : 0.1))),
    )
    await writeCams(join(run.maps, `${id}.safetensors`), {
      cam: fromFloat32(cam, [tags.length, 32, 32]),
      classes: tags,
    })
  }
  const metrics = await openMetrics(run.metrics)
  for (let step = 0; step < 5; step++)
    await metrics.append({ kind: 'step', step, loss: 1 / (step + 1), lr: 1e-4 })
  await metrics.close()
  await writeFile(run.environment, JSON.stringify({ libtorch: '1.13.1 & <others>' }))
  const context: StageContext = {
    recipe,
    run,
    dataset,
    valDataset: undefined,
    signal: new AbortController().signal,
    log: silentLog(),
  }
  await evaluateStage(context)
  expect(await readFile(join(run.root, 'labels.txt'), 'utf8')).toMatch(
    /^0\t#000000\tbackground\n1\t#800000\t/,
  )
  const masks = join(run.root, 'report/ground-truth')
  await mkdir(masks, { recursive: true })
  for (const name of ['0.webp', 'mine.webp']) await writeFile(join(masks, name), '') // the first as earlier versions wrote it
  await reportStage(context)
  expect((await readdir(masks)).sort()).toEqual(
    [...dataset.samples.map((_, i) => `${i}.png`), 'mine.webp'].sort(),
  )
  const html = await readFile(run.report, 'utf8')
  expect(html).toContain('1.13.1 &#38; &#60;others&#62;')
  expect(html).toContain('among the best')
  expect(html.match(/<article/g)?.length).toBe(4)
  const page = dataOf(html)
  expect(page.images.map(({ name, views }) => [name, views.map(view => page.views[view]!.title)])).toEqual(
    dataset.samples.map(({ id }) => [id, ['seed', 'scores', 'ground truth', 'mistakes']]),
  )
  expect((await readdir(join(run.reportFiles, 'scores'))).length).toBe(8)
  expect(await readdir(run.root)).not.toContain('images')

  const id = /alt="([^"]*): seed"/.exec(html)![1]
  const { tags } = dataset.samples.find(sample => sample.id === id)!
  await writeCams(join(run.maps, `${id}.safetensors`), {
    cam: fromFloat32(new Float32Array(tags.length * 9), [tags.length, 3, 3]),
    classes: tags,
  })
  await reportStage(context) // maps of another size, as of maps.scales [0.1]
  const without = await readFile(run.report, 'utf8')
  expect(without.match(/<article/g)?.length).toBe(3)
  expect(dataOf(without).images).toHaveLength(7)
  expect(context.log.warnings).toEqual([
    expect.stringMatching(
      new RegExp(
        `^report: 1 image could not be used: ${id}: its CAM has 3x3 pixels; the image has 32x32 pixels$`,
      ),
    ),
  ])
  await expect(reportStage({ ...context, recipe: { ...recipe, strict: true } })).rejects.toThrow(
    /its map of /,
  )
})

it('shows pseudo masks and predictions after the CAMs, and images that were not trained on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  const root = join(folder, 'demo')
  await generateDemo(root, { images: 4, valImages: 2, size: 32 })
  const [dataset, valDataset] = await Promise.all(['train', 'val'].map(split => openDataset(root, { split })))
  const set = ['refine.method=crf', 'segment={}', 'report.images=2', 'data.valSplit=val']
  const recipe = parseRecipe('method: mctformer\n', 'x', [`data.root=${root}`, ...set].map(parseSet))
  const run = await openRunFolder(join(folder, 'run'), recipe)
  await mkdir(run.pseudoMasks)
  for (const { split, samples } of [dataset!, valDataset!]) {
    for (const { id, tags, mask } of samples) {
      const truth = await readLabelMap(mask ?? '')
      for (const way of ['single', 'ms', 'ms-crf'] as const) {
        const file = predictionFile(run, { split, way, id })
        await mkdir(dirname(file), { recursive: true })
        await writeLabelMap(file, truth)
      }
      if (split === 'val') continue
      await writeLabelMap(join(run.pseudoMasks, `${id}.png`), truth)
      const cam = fromFloat32(new Float32Array(tags.length * 32 * 32).fill(0.5), [tags.length, 32, 32])
      await writeCams(join(run.maps, `${id}.safetensors`), { cam, classes: tags })
    }
  }
  for (const file of [run.metrics, run.segmentMetrics]) {
    const metrics = await openMetrics(file)
    await metrics.append({ kind: 'epoch', step: 0, loss: 1 })
    await metrics.close()
  }
  const signal = new AbortController().signal
  const context = { recipe, run, dataset: dataset!, valDataset, signal, log: silentLog() }
  await evaluateStage(context)
  const { scores } = JSON.parse(await readFile(run.scores, 'utf8'))
  await writeFile(run.refineScores, JSON.stringify({ scores: [{ ...scores[0], metric: 'seed+crf' }] }))
  await scorePredictions(context, [valDataset!])
  await reportStage(context)
  const html = await readFile(run.report, 'utf8')
  const titles = (id: string) =>
    [...html.matchAll(new RegExp(`alt="${id}: ([^"]*)"`, 'g'))].map(match =>
      match[1]!.replace(/^map of .*/, 'map'),
    )
  const after = ['prediction', 'prediction, CRF', 'ground truth', 'mistakes, prediction, CRF']
  const trained = dataset!.samples.filter(({ id }) => titles(id).length > 0)
  expect(trained).toHaveLength(2)
  for (const { id, tags } of trained)
    expect(titles(id)).toEqual(['photo', ...tags.map(() => 'map'), 'seed', 'pseudo mask', ...after])
  const unseen = valDataset!.samples.filter(({ id }) => titles(id).length > 0)
  expect(unseen).toHaveLength(1)
  expect(titles(unseen[0]!.id)).toEqual(['photo', ...after])
  const text = html.replace(/<(style|script)\b.*?<\/\1>|<[^>]+>/gs, ' ').replace(/\s+/g, ' ')
  expect(text).toContain('val, not trained on: mIoU 100.0, among the best')
  for (const score of ['seed train 4', 'seed+crf train 4', 'val val 2', 'val ms val 2', 'val ms+crf val 2'])
    expect(text).toContain(score)
  for (const training of ['classification network', 'segmentation'])
    expect(text).toContain(`Training loss, ${training}`)
  expect(text).not.toContain('Training loss, AffinityNet')
  const page = dataOf(html)
  expect(page.sets).toEqual(['train', 'val'])
  expect(page.views.map(({ title }) => title)).toEqual([
    'photo',
    'seed',
    'scores',
    'pseudo mask',
    'prediction',
    'ground truth',
    'mistakes',
  ])
  expect(page.images.map(({ miou }) => miou)).toEqual(Array(6).fill(100))
  const links = [...html.matchAll(/<li>.*?<a href="([^"]*)"/g)].map(([, href]) => href)
  expect(links.slice(0, 4)).toEqual([
    'pseudo-masks',
    'masks',
    'predictions/train/ms-crf',
    'predictions/val/ms-crf',
  ])
  await mkdir(join(run.root, 'result', 'masks'), { recursive: true })
  await writeLabelMap(
    join(run.root, 'result', 'masks', `${trained[0]!.id}.png`),
    await readLabelMap(trained[0]!.mask!),
  )
  await reportStage(context)
  const final = await readFile(run.report, 'utf8')
  expect(/<a href="([^"]*)"/.exec(final)![1]).toBe('result/masks')
  expect(dataOf(final).views[dataOf(final).firstView]).toMatchObject({
    title: 'final mask',
    whole: ['result/masks/', null],
  })
  await writeFile(run.predictionScores, '{')
  await expect(reportStage(context)).rejects.toThrow(
    `${run.predictionScores}: is missing or damaged; rerun the stage predict: tagmask predict RUN --force`,
  )
})

it('of a run that has only begun, shows what there is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  await generateDemo(join(folder, 'demo'), { images: 2, valImages: 1, size: 32 })
  const recipe = parseRecipe('method: mctformer\n', 'x', ['segment={}', 'data.valSplit=val'].map(parseSet))
  const run = await openRunFolder(join(folder, 'run'), recipe)
  const metrics = await openMetrics(run.metrics)
  await metrics.append({ kind: 'step', step: 0, loss: 1 })
  await metrics.close()
  await reportStage({
    recipe,
    run,
    dataset: await openDataset(join(folder, 'demo')),
    valDataset: await openDataset(join(folder, 'demo'), { split: 'val' }),
    signal: new AbortController().signal,
    log: silentLog(),
  })
  const html = await readFile(run.report, 'utf8')
  expect(html).toContain('The run has not come to its scores yet.')
  expect(html).toContain('Training loss, classification network')
  expect(dataOf(html).images).toHaveLength(3)
  expect(dataOf(html).threshold).toBeUndefined()
})

it('stops at Ctrl-C, without a page', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  await generateDemo(join(folder, 'demo'), { images: 2, valImages: 1, size: 32 })
  const recipe = parseRecipe('method: mctformer\n', 'x')
  const run = await openRunFolder(join(folder, 'run'), recipe)
  const dataset = await openDataset(join(folder, 'demo'))
  const context = {
    recipe,
    run,
    dataset,
    valDataset: undefined,
    signal: AbortSignal.abort(),
    log: silentLog(),
  }
  await expect(reportStage(context)).rejects.toThrow('stopped at the ')
  expect(await readdir(run.root)).not.toContain('report.html')
})
