import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { generateDemo } from '../../data/demo/index.ts'
import { silentLog } from '../../train/log.ts'
import { runRecipe } from '../run/run-recipe.ts'
import { planText } from './plan-text.ts'
import type { RunPlan } from './run-plan.ts'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-plan-'))
  await generateDemo(join(folder, 'data'), { images: 10, valImages: 3, size: 64, seed: 3 })
})

const SMALL = ['data.layout=folder', 'model={imageSize: 32}', 'train.epochs=2', 'train.batchSize=4']

async function plan(...set: string[]): Promise<RunPlan> {
  const plans: RunPlan[] = []
  await runRecipe({
    recipe: 'cam_demo',
    data: join(folder, 'data'),
    set: [...SMALL, 'segment=null', 'refine.method=none', ...set],
    runs: join(folder, 'runs'),
    name: 'planned',
    onPlan: made => plans.push(made),
    dryRun: true,
    log: silentLog(),
  })
  expect(plans).toHaveLength(1)
  return plans[0]!
}

describe('the plan of a run', () => {
  it('counts images, classes and steps, estimates time and disk, and leaves nothing behind', async () => {
    const { train, val, classes, stages, machine, weights, width, unreadable } = await plan()
    expect(train).toEqual({ split: 'train', images: 10, tagged: 10, masks: 10 })
    expect(val).toEqual({ split: 'val', images: 3, tagged: 3, masks: 3 })
    expect(classes.reduce((sum, { images }) => sum + images, 0)).toBeGreaterThanOrEqual(10)
    expect([width, weights, unreadable]).toEqual([64, [], []])
    expect(stages.map(({ name }) => name)).toEqual(['train', 'maps', 'evaluate', 'result', 'report'])
    expect(stages[0]!.trainings).toEqual(['4 steps: 2 x 2, batches of 4'])
    for (const { seconds, bytes, done } of stages) {
      expect(seconds).toBeGreaterThan(0)
      expect(bytes).toBeGreaterThan(0)
      expect(done).toBe(false)
    }
    expect(machine!.gflops).toBeGreaterThan(0)
    expect(await readdir(folder)).toEqual(['data'])
  })

  it('is a page of lines', async () => {
    const made = await plan('train.steps=10')
    const text = planText(made)
    expect(planText(made, { alone: true }).slice(text.length)).toBe(
      `\n  check     tagmask data check ${made.data} reads every image and mask to its end`,
    )
    const row = (name: string): string => text.split('\n').find(line => line.startsWith(`  ${name}`)) ?? ''
    expect(text.split('\n')[0]).toBe('plan')
    expect(row('images')).toBe(
      '  images    10 images of train; 3 of val to validate on; 13 with ground truth; about 64 x 64 pixels',
    )
    expect(row('classes')).toMatch(/^ {2}classes {3}6: \w+ \d, \w+ \d/)
    expect(row('start')).toBe('  start     random weights')
    expect(row('train')).toMatch(/^ {2}train {5}\d+ s +\d+ MB {2}10 steps: 5 x 2, batches of 4$/)
    expect(row('in all')).toMatch(
      /^ {2}in all {4}about \d+ s; \d+ MB, while it runs up to \d+ MB; by the speed of \d+ threads? here \(\d+ GFLOP\/s in (fp32|bf16), measured now\)$/,
    )
    expect(row('masks')).toMatch(/planned\/result$/)
  })

  it('names images that cannot be read by their cause, and stages that are done', async () => {
    const [first, second] = (await readdir(join(folder, 'data', 'images'))).sort()
    for (const name of [first!, second!]) await writeFile(join(folder, 'data', 'images', name), 'no image')
    const made = await plan('data.maxLost=0.5')
    expect(planText(made)).toContain(
      '  left out  2 images (0001, 0002): cannot be decoded (it does not begin like an image); a JPEG',
    )
    const done = { ...made, stages: made.stages.map(stage => ({ ...stage, done: true, seconds: 0 })) }
    expect(planText(done)).toMatch(/\n {2}train {5}done before +\d+ MB\n/)
  })
})
