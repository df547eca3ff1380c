import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { METHODS } from '../../methods/list.ts'
import { memory } from '../../torch/index.ts'
import { createLog } from '../../train/log.ts'
import { loadRecipe } from '../recipe/load.ts'
import { openRunFolder } from '../run/run-folder.ts'
import { inspectTarget } from './inspect.ts'
import type { RecipeInspection } from './inspection.ts'
import { inspectionText } from './inspection-text.ts'
import { moduleSizes } from './module-sizes.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function recipe(...args: Parameters<typeof inspectTarget>): Promise<RecipeInspection> {
  const found = await inspectTarget(...args)
  if (found.kind !== 'recipe') throw new Error('not a recipe')
  return found
}

const alone = ['refine.method=none', 'segment=null']

describe('a recipe', () => {
  test('DeiT-S of MCTformer V2: parameters, and multiply-adds as computed by hand', {
    timeout: 120_000,
  }, async () => {
    for (const [side, resampled] of [
      [224, false],
      [96, true],
    ] as const) {
      const { networks } = await recipe('mctformer-v2_deit-s_voc12', { side, set: alone })
      const [network, ...others] = networks
      expect(others).toEqual([])
      const [width, classes, patches] = [384, 20, (side / 16) ** 2]
      const tokens = patches + classes
      const products = 12 * 12 * width ** 2 * tokens // qkv 3, projection 1, MLP 8
      const attention = 12 * 2 * tokens ** 2 * width
      const convolutions = patches * 16 * 16 * 3 * width + patches * 9 * width * classes
      const [forward] = network!.work
      expect(forward!.multiplyAdds).toBe(products + attention + convolutions)
      expect(Object.fromEntries(forward!.byOperator)).toEqual({
        'aten::linear': products,
        'tagmask::attention': attention,
        'aten::conv2d': convolutions,
      })
      if (resampled) continue
      const block = 12 * width ** 2 + 13 * width
      expect(network!.modules.find(({ name }) => name === 'blocks')?.values).toBe(12 * block)
      expect(network!.parameters).toBe(21_749_396)
      expect(forward!.multiplyAdds / 1e9).toBeCloseTo(5.09, 2)
    }
  })

  test.each(METHODS.map(({ name }) => name))(
    '%s: every network, a step, and nothing left behind',
    { timeout: 120_000 },
    async name => {
      const before = memory().live
      const { words, networks } = await recipe(`${name}_demo`, { numClasses: 3 })
      expect(memory().live).toBe(before)
      expect(words).toContain('3 classes')
      const [network] = networks
      expect(network!.parameters).toBe(network!.modules.reduce((sum, { values }) => sum + values, 0))
      const [forward, cams] = network!.work.map(({ multiplyAdds }) => multiplyAdds)
      expect(forward).toBeGreaterThan(1e6)
      expect(cams).toBeGreaterThan(1e6)
      const { step } = network!
      expect(step!.oneImage).toBeGreaterThan(3 * 4 * network!.parameters) // the network, its gradients, an average
      expect(step!.further).toBeGreaterThan(0)
      expect(network!.tensors.length).toBeGreaterThan(20)
    },
  )

  test('the networks of affinities and of segmentation have their own crops', {
    timeout: 120_000,
  }, async () => {
    const set = ['refine.method=affinity', 'affinity={network: edge, backbone: resnet50, cropSize: 160}']
    const { networks } = await recipe('cam_demo', { set: [...set, 'segment={cropSize: 64, batchSize: 2}'] })
    expect(networks.map(({ title, work }) => [title, work[0]!.side])).toEqual([
      ['classification network', 96],
      ['affinity network', 160],
      ['segmentation network', 64],
    ])
    const edges = networks[1]!
    expect([edges.parameters, edges.frozen]).toEqual([23_508_032 + 3904 * 32 + 10 * 32 + 161, 23_508_032])
    expect(inspectionText({ kind: 'recipe', words: '', networks: [edges] }, { names: true })).toMatch(
      /affinity network: 23\.63 M parameters, 23\.51 M of them frozen\n {2}conv1 +9,408\n[\s\S]*\n {2}forward at 160 x 160: \d\.\d\d GFLOPs, multiply-adds \(conv2d 100 %\)\n[\s\S]*\n {2}fc_edge1\.0\.weight +float32 \[32, 64, 1, 1\]\n/,
    )
  })

  test('a run is its recipe, with the classes of its data where that is there', {
    timeout: 120_000,
  }, async () => {
    const data = join(folder, 'photos')
    for (const name of ['cat', 'boat', 'bus']) {
      await mkdir(join(data, name), { recursive: true })
      await writeFile(join(data, name, 'a.jpg'), '')
    }
    const { recipe: own } = await loadRecipe('cam_demo', {
      set: [...alone, `data.root=${data}`, 'data.layout=class-folders', 'device=cuda'],
    })
    const { root } = await openRunFolder(join(folder, 'run'), own)
    const { words, networks } = await recipe(root)
    expect(words).toContain('3 classes')
    expect(networks[0]!.tensors.find(({ name }) => name === 'head.bias')?.shape).toEqual([3])
    await rm(data, { recursive: true })
    const lines: string[] = []
    const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
    expect((await recipe(root, { log })).words).toContain('20 classes')
    expect(lines.join('')).toContain('cannot be opened, so there are 20 classes, as in VOC (--classes N)')
  })
})

test('modules are the first part that differs', () => {
  const sizes = moduleSizes([
    { name: 'net.a.x', shape: [2, 3] },
    { name: 'net.a.y', shape: [4] },
    { name: 'net.b', shape: [] },
  ])
  expect(sizes).toEqual([
    { name: 'net.a', values: 10 },
    { name: 'net.b', values: 1 },
  ])
})

describe('what is wrong is said', () => {
  const refused = (...args: Parameters<typeof inspectTarget>) => expect(inspectTarget(...args)).rejects
  test('targets and options', async () => {
    await refused('nothing.pth').toThrow('nothing.pth: there is no such file; a run or a recipe')
    await refused('mctformer_dem').toThrow(
      'mctformer_dem: there is no such recipe or run; did you mean mctformer_demo?',
    )
    await refused(folder).toThrow(`${folder}: is a folder without a recipe.yaml; a run folder or a recipe`)
    await refused('cam_demo', { side: 8 }).toThrow('--size: is 8; expected a whole number from 16 to 4096')
    await refused('cam_demo', { numClasses: 1.5 }).toThrow(
      '--classes: is 1.5; expected a whole number from 1 to 253',
    )
    await refused('cam_demo', { set: ['train.epohcs=3'] }).toThrow('train.epochs')
    const file = join(folder, 'strange.safetensors')
    await writeFile(file, '')
    await refused(file).toThrow(`${file}: is a file of weights; tagmask weights inspect ${file}`)
  })
})
