import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateDemo } from '../../../data/demo/index.ts'
import { createLog } from '../../../train/log.ts'
import { runFolder } from '../../run/run-folder.ts'
import { lockRun } from '../../run/run-lock.ts'
import { runRecipe } from '../../run/run-recipe.ts'
import { readSnapshots } from '../../training/snapshots.ts'
import { watchRun } from './live-report.ts'

let root = ''
let lines: string[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-live-'))
  await generateDemo(join(root, 'data'), { images: 12, valImages: 4, size: 48, seed: 3 })
})
afterAll(() => rm(root, { recursive: true }))

async function run(
  name: string,
  { stages, live = true }: { stages?: readonly string[]; live?: boolean } = {},
) {
  lines = []
  const set = [
    'data.layout=folder',
    'model={imageSize: 32}',
    'train.epochs=3',
    'train.batchSize=6',
    'threads=1',
  ]
  await runRecipe({
    recipe: 'cam_demo',
    data: join(root, 'data'),
    set: [...set, 'train.validateEvery=1', 'maps.scales=[1]', 'segment=null', 'refine.method=none'],
    runs: root,
    name,
    stages,
    live,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
  })
  return runFolder(join(root, name))
}

const page = ({ report }: { report: string }): Promise<string> => readFile(report, 'utf8')

describe('the report of a run that goes on', () => {
  it('is there from the start, and at the end the whole report', { timeout: 120_000 }, async () => {
    const whole = await run('whole')
    expect(lines.join('')).toMatch(/live report: .*whole\/report\.html\n/)
    expect(await page(whole)).toContain('tagmask report')
    const snapshots = await readSnapshots(whole.live)
    expect(snapshots[0]!.step).toBe(1)
    expect(snapshots.length).toBeLessThanOrEqual(3)
    expect(snapshots[0]!.images.length).toBeGreaterThan(3)
    for (const { file } of snapshots.at(-1)!.images) await access(join(whole.live, file))
    expect(await watchRun(whole.root, { signal: new AbortController().signal })).toBe(true)
    expect(await page(whole)).toContain('tagmask report') // left alone
  })

  it('shows stages, losses and the CAMs of the same images so far', { timeout: 120_000 }, async () => {
    const half = await run('half', { stages: ['train', 'maps'] })
    const end = new AbortController()
    expect(await watchRun(half.root, { signal: end.signal, onPage: () => end.abort() })).toBe(false)
    const idle = await page(half)
    expect(idle).toContain('No process is working on this run now')
    expect(idle).not.toContain('http-equiv="refresh"')
    const text = idle.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
    expect(text).toMatch(/train done \d+ s maps done \d+ s evaluate to do/)
    expect(text).toMatch(/The same images after 2(, 4)?(, 6)? steps\./)
    expect(text).toContain('Training loss, classification network')
    const files = [...idle.matchAll(/<img src="([^"]+)"/g)].map(([, file]) => file!)
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) await access(join(half.root, file))

    const release = await lockRun(half)
    const again = new AbortController()
    await watchRun(half.root, { signal: again.signal, onPage: () => again.abort() })
    await release()
    expect(await page(half)).toContain('<meta http-equiv="refresh" content="10">')
  })

  it('keeps no CAMs where nobody asked for them, and says how', { timeout: 120_000 }, async () => {
    const bare = await run('bare', { stages: ['train'], live: false })
    expect(await readSnapshots(bare.live)).toEqual([])
    await writeFile(join(bare.root, 'report.html'), '')
    const end = new AbortController()
    await watchRun(bare.root, { signal: end.signal, onPage: () => end.abort() })
    expect(await page(bare)).toContain('Start the run with --report')
  })
})
