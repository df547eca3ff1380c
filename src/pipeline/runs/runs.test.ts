import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { parseRecipe } from '../recipe/load.ts'
import { noteMade } from '../run/made-files.ts'
import { openRunFolder, type RunFolder } from '../run/run-folder.ts'
import { lockRun } from '../run/run-lock.ts'
import { writeMarker, writeNotes } from '../run/stage-marker.ts'
import { compareRuns, comparisonText } from './compare-runs.ts'
import { listRuns } from './list-runs.ts'
import { planRemoval, removeRun } from './remove-run.ts'
import { filesBelow, formatBytes } from './run-files.ts'
import { runsText, stateText } from './runs-text.ts'

interface MadeRun {
  readonly recipe?: string
  readonly done?: readonly string[]
  readonly running?: string
  readonly finished?: string
  readonly seed?: number
}

/** A run folder as stages leave it: markers, and of evaluate its scores and a mask. */
async function makeRun(
  root: string,
  { recipe = '', done = [], running, finished = '2026-01-02T03:04:05.000Z', seed = 50 }: MadeRun = {},
): Promise<RunFolder> {
  const run = await openRunFolder(root, parseRecipe(`method: cam\n${recipe}`, 'x'))
  const session = {
    time: '2026-01-01T00:00:00.000Z',
    command: ['run', 'recipes/cam_demo.yaml', '--name', 'x'],
  }
  await writeFile(run.sessions, `${JSON.stringify(session)}\n`)
  const marker = { id: 'a', revision: 'b', keys: {}, base: {}, soft: {}, version: '1' }
  const started = '2026-01-01T00:00:00.000Z'
  for (const stage of done) await writeMarker(run, { ...marker, stage, state: 'done', started, finished })
  if (running !== undefined)
    await writeMarker(run, { ...marker, stage: running, state: 'running', started, finished: null })
  await writeNotes(run, 'train', { images: { 'train/a': '1', 'train/b': '2', 'val/c': '3' } })
  if (!done.includes('evaluate')) return run
  const score = { metric: 'seed', split: 'train', threshold: { value: 0.4 }, images: 2, miou: seed }
  await writeFile(run.scores, JSON.stringify({ scores: [score] }))
  await writeFile(join(run.masks, 'a.png'), 'mask')
  await writeNotes(run, 'evaluate', { files: { 'scores.json': 1, 'masks/a.png': 4 } })
  return run
}

const folder = () => temporaryFolder([])

test('a list has every run, newest first, with state, data and scores', async () => {
  const runs = await folder()
  await makeRun(join(runs, 'old'), { done: ['train', 'maps', 'evaluate', 'result', 'report'] })
  const busy = await makeRun(join(runs, 'ablate-x', 'base-seed0'), {
    done: ['train'],
    running: 'maps',
    finished: '2026-03-01T00:00:00.000Z',
  })
  await makeRun(join(runs, 'next'), { done: ['train'], finished: '2026-02-01T00:00:00.000Z' })
  await mkdir(join(runs, 'demo-data', 'images'), { recursive: true })
  const release = await lockRun(busy)
  const list = await listRuns(runs)
  await release()
  expect(list.runs.map(run => [run.name, stateText(run)])).toEqual([
    ['ablate-x/base-seed0', 'maps runs'],
    ['next', 'next maps'],
    ['old', 'done'],
  ])
  const old = list.runs[2]!
  expect(old).toMatchObject({
    recipe: 'cam_demo',
    method: 'cam',
    data: { name: null, images: 2 },
    scores: [{ stage: 'evaluate', metric: 'seed', split: 'train', threshold: 0.4, miou: 50 }],
    date: '2026-01-02T03:04:05.000Z',
  })
  expect(old.bytes).toBe((await filesBelow(join(runs, 'old'))).reduce((sum, { bytes }) => sum + bytes, 0))
  const lines = runsText(list, { where: 'runs/' }).split('\n')
  expect(lines[0]).toMatch(/^state +method +data +seed +mask +val +size +date +run$/)
  expect(lines[3]).toMatch(/^done +cam +2 images +50\.0 .* old$/)
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(104)
  const [stopped] = (await listRuns(runs, { beginnings: ['ablate'] })).runs
  expect(stateText(stopped!)).toBe('maps stopped')
})

test('an ablation has a line for each metric, and a recipe that cannot be read is named', async () => {
  const runs = await folder()
  await makeRun(join(runs, 'ablate-x', 'base-seed0'))
  const spread = (mean: number) => ({ mean, deviation: null })
  const row = { metric: 'seed', split: 'train', seeds: [0], threshold: null }
  const rows = [
    { ...row, variant: 'base', miou: spread(50), gain: null },
    { ...row, variant: 'unet', miou: spread(49.5), gain: spread(-0.5) },
  ]
  await writeFile(join(runs, 'ablate-x', 'ablation.json'), JSON.stringify({ recipe: 'x_demo', rows }))
  await writeFile(join(runs, 'ablate-x', 'base-seed0', 'recipe.yaml'), 'method: gone\n')
  const list = await listRuns(runs)
  expect(stateText(list.runs[0]!)).toBe('older tagmask')
  expect(runsText(list, { where: 'runs/' })).toContain(
    '\nablate-x of x_demo, seed (train): base 50.00, unet 49.50 (-0.50)\n',
  )
  expect(runsText({ runs: [], ablations: [] }, { where: 'runs/' })).toBe(
    'no runs in runs/; tagmask demo makes one',
  )
})

test('a comparison shows keys that differ, and scores with their differences', async () => {
  const runs = await folder()
  const done = ['train', 'maps', 'evaluate']
  const a = await makeRun(join(runs, 'a'), { done, seed: 50 })
  const b = await makeRun(join(runs, 'b'), { done, seed: 51.5, recipe: 'train: { epochs: 7 }\nthreads: 3\n' })
  const c = await makeRun(join(runs, 'c'), { done: [] })
  const compared = await compareRuns([a, b, c])
  expect(compared).toEqual({
    runs: ['a', 'b', 'c'],
    keys: [{ key: 'train.epochs', values: [60, 7, 60] }],
    neutral: ['threads'],
    scores: [
      {
        metric: 'seed (train)',
        values: [50, 51.5, null],
        differences: [0, 1.5, null],
        images: [2, 2, null],
        thresholds: [0.4, 0.4, null],
      },
    ],
  })
  expect(comparisonText(compared)).toBe(
    [
      'key           a   b  c',
      'train.epochs  60  7  60',
      '',
      'without effect on results: threads',
      '',
      'mIoU, %           a              b  c',
      'seed (train)  50.00  51.50 (+1.50)  -',
    ].join('\n'),
  )
  await expect(compareRuns([a])).rejects.toThrow(
    'runs compare: compares two runs or more; give their names: tagmask runs compare A B',
  )
})

test('a removal takes all that stages made, and the folder', async () => {
  const runs = await folder()
  const run = await makeRun(join(runs, 'x'), { done: ['train', 'maps', 'evaluate'], running: 'report' })
  await mkdir(`${run.checkpoints}.old-1`)
  await mkdir(run.images)
  for (const file of ['checkpoints/last.safetensors', 'checkpoints.old-1/state.safetensors', 'metrics.jsonl'])
    await writeFile(join(run.root, file), 'x')
  for (const file of ['report.html', 'images/a-seed.png', 'labels.txt', 'lost-images.txt'])
    await writeFile(join(run.root, file), 'x')
  const removal = await planRemoval(run.root)
  expect(removal.others).toEqual([])
  await removeRun(removal)
  expect(await readdir(runs)).toEqual([])
})

test('a removal keeps and names what is not ours, and leaves a folder that has it', async () => {
  const runs = await folder()
  const run = await makeRun(join(runs, 'x'), { done: ['train', 'maps', 'evaluate'] })
  const precious = await temporaryFolder({ 'photo.png': 'photo' })
  const others = ['masks/drawn-by-hand.png', 'notes.txt', 'maps/notes.csv']
  await mkdir(run.images)
  for (const file of others) await writeFile(join(run.root, file), file)
  await symlink(precious, join(run.root, 'images', 'link'))
  const removal = await planRemoval(run.root)
  expect(removal.others.map(({ path }) => path)).toEqual(['images/link', ...others.toSorted()])
  expect(removal.ours.map(({ path }) => path)).toContain('masks/a.png')
  await removeRun(removal)
  expect((await filesBelow(run.root)).map(({ path }) => path)).toEqual(['images/link', ...others.toSorted()])
  expect(await readFile(join(run.root, 'notes.txt'), 'utf8')).toBe('notes.txt')
  expect(await readdir(precious)).toEqual(['photo.png'])
  await expect(planRemoval(run.root)).rejects.toThrow(
    "x: is not removed: it has no tagmask-run.json, tagmask's mark; delete it yourself if it is yours",
  )
})

test('a removal keeps what people have changed in the result', async () => {
  const runs = await folder()
  const run = await makeRun(join(runs, 'x'), { done: ['train', 'maps', 'evaluate'] })
  const { result } = await import('../stages/result/index.ts')
  await mkdir(join(run.result, 'masks'), { recursive: true })
  for (const name of ['a', 'b']) await writeFile(join(run.result, 'masks', `${name}.png`), name)
  await noteMade(run, result, new Set())
  await writeNotes(run, 'result', { files: { 'result/masks/a.png': 1, 'result/masks/b.png': 1 } })
  await writeFile(join(run.result, 'masks', 'b.png'), 'B') // of the same size
  const { ours, others } = await planRemoval(run.root)
  expect(others.map(({ path }) => path)).toEqual(['result/masks/b.png'])
  expect(ours.map(({ path }) => path)).toContain('result/masks/a.png')
  expect(ours.map(({ path }) => path)).toContain('stages/result.made.json')
})

test('a folder without the mark, or with another, is not removed', async () => {
  const root = await temporaryFolder({ 'recipe.yaml': 'method: cam\n', 'tagmask-run.json': '{"kind": "x"}' })
  await expect(planRemoval(root)).rejects.toThrow('is not removed')
  expect((await readdir(root)).sort()).toEqual(['recipe.yaml', 'tagmask-run.json'])
})

test('a run in which a process works is not removed', async () => {
  const runs = await folder()
  const run = await makeRun(join(runs, 'x'), { done: ['train'] })
  const child = spawn('sleep', ['60'])
  try {
    const { identify } = await import('../run/run-process.ts')
    const { pid, host, started } = await identify(child.pid!)
    await writeFile(join(run.root, 'lock'), `${pid} ${host} ${started}\n`)
    await expect(removeRun(await planRemoval(run.root))).rejects.toThrow(
      `process ${pid} on ${host} is working in this run folder`,
    )
  } finally {
    child.kill()
  }
  expect(await readdir(run.root)).toContain('recipe.yaml')
})

test.each([
  [0, '0.0 kB'],
  [999, '1.0 kB'],
  [12_345, '12.3 kB'],
  [999_000, '999 kB'],
  [12_300_000, '12.3 MB'],
  [456_000_000, '456 MB'],
  [1_234_000_000, '1.2 GB'],
  [5e15, '5000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test('a run whose small files are damaged is listed all the same', async () => {
  const runs = await folder()
  const run = await makeRun(join(runs, 'damaged'), { done: ['train', 'evaluate'] })
  for (const [sessions, scores] of [
    ['null\n', 'null'],
    ['{"command":5,"time":{}}\n', '{"scores":[{"metric":"seed","split":"train","images":2}]}'],
    ['{"command":["run",5]}\n', '{"scores":[null]}'],
    ['[]\n{"ti', '{"scores":{}}'],
  ] as const) {
    await writeFile(run.sessions, sessions)
    await writeFile(run.scores, scores)
    const list = await listRuns(runs)
    expect(list.runs).toMatchObject([{ name: 'damaged', recipe: null, scores: [] }])
    expect(runsText(list, { where: 'runs/' })).toContain('damaged')
  }
})
