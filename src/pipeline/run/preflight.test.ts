import { mkdtemp, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Dataset, Sample } from '../../data/dataset.ts'
import { writeSafetensors } from '../../io/safetensors.ts'
import { fromFloat32, type TensorData } from '../../io/tensor-data.ts'
import type { Shapes } from '../../models/recognised.ts'
import { vitShapes } from '../../models/vit/own-names.ts'
import { createLog } from '../../train/log.ts'
import { parseRecipe } from '../recipe/load.ts'
import { parseSet } from '../recipe/overrides.ts'
import { stageNames } from '../stages/list.ts'
import { preflight } from './preflight.ts'
import { runFolder } from './run-folder.ts'

let folder = ''
let lines: string[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-preflight-'))
  lines = []
})

const sample = (id: string, change: Partial<Sample> = {}): Sample => ({
  id,
  image: join(folder, `${id}.jpg`),
  tags: [0],
  mask: join(folder, `${id}.png`),
  ...change,
})

function look(set: readonly string[], samples: readonly Sample[] = ['a', 'b', 'c'].map(id => sample(id))) {
  const recipe = parseRecipe('method: mctformer\n', 'x', ['train.batchSize=2', ...set].map(parseSet))
  const dataset: Dataset = {
    name: 'x',
    root: folder,
    split: 'train',
    classes: ['cat'],
    samples,
    warnings: [],
  }
  const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
  return preflight({ recipe, dataset, run: runFolder(join(folder, 'run')), stages: stageNames(recipe), log })
}

const SEGMENT = 'segment={batchSize: 3}'

const deit = (width: number) =>
  new Map(vitShapes({ depth: 12, width, hidden: 4 * width, patch: 16 })).set('pos_embed', {
    shape: [1, 197, width],
  })

function write(file: string, shapes: Shapes): Promise<void> {
  const zeros = (shape: readonly number[]): TensorData =>
    fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)
  return writeSafetensors(file, new Map([...shapes].map(([name, { shape }]) => [name, zeros(shape)])))
}

describe('before the first step', () => {
  it('nothing is said where all is well', async () => {
    await look([SEGMENT, 'refine.method=affinity', 'affinity.batchSize=3'])
    expect(lines).toEqual([])
  })

  it('a weight file of a later stage that was cut short is named', async () => {
    const file = join(folder, 'res38.safetensors')
    await writeSafetensors(file, new Map([['conv1a.weight', fromFloat32(new Float32Array(64), [64])]]))
    const set = [SEGMENT, 'segment.backbone=resnet38', `segment.weights=${file}`]
    await look(set)
    await truncate(file, 100)
    await expect(look(set)).rejects.toThrow(file)
    await writeFile(file, '<html>not found</html>')
    await expect(look(set)).rejects.toThrow(`${file}: is a web page, not weights`)
  })

  it('a weight file of a later stage that is of another network is named', async () => {
    const file = join(folder, 'other.safetensors')
    const set = [SEGMENT, 'segment.backbone=deit-ti', `segment.weights=${file}`]
    await write(file, deit(192))
    await look(set)
    await write(file, new Map([...deit(192)].map(([name, shape]) => [`module.${name}`, shape])))
    await look(set)
    await write(file, deit(384))
    await expect(look(set)).rejects.toThrow(
      `${file} (segment.weights): weights of another architecture: 12 blocks of width 384; the backbone has 12 blocks of width 192; the file holds a deit-s`,
    )
    await write(file, new Map([['conv1a.weight', { shape: [4] }]]))
    await expect(look(set)).rejects.toThrow(
      `${file} (segment.weights): holds no weights of a vision transformer; a file with patch_embed.proj.weight, or another segment.backbone; the file seems to hold a ResNet38`,
    )
  })

  it.each([
    ['the first stage', 'weights', ['model.width=deit-ti']],
    ['a later stage', 'segment.weights', [SEGMENT, 'segment.backbone=deit-ti']],
  ])('all that does not fit in the file of %s is said', async (_, key, others) => {
    const file = join(folder, 'other.safetensors')
    const set = [...others, `${key}=${file}`]
    const weights = deit(192).set('blocks.4.mlp.fc1.bias', { shape: [5] })
    await write(file, weights)
    const shape = '1 of another shape: blocks.4.mlp.fc1.bias [5] for [768]'
    await expect(look(set)).rejects.toThrow(
      `${file}: the weights do not fit the network: ${shape}; weights of`,
    )
    weights.delete('blocks.3.attn.qkv.weight')
    weights.set('foo.bar', { shape: [3] })
    await write(file, weights)
    await expect(look(set)).rejects.toThrow(
      `${file}: lacks 1 weights of the vision transformer: blocks.3.attn.qkv.weight; ${shape}; 1 unknown: foo.bar`,
    )
    await write(file, deit(192).set('reg_token', { shape: [1, 4, 192] }))
    await expect(look(set)).rejects.toThrow('reg_token: register tokens take part in every attention')
  })

  it('weights of the ResNet50 of edges, under the names of torchvision or the published ones', async () => {
    const file = join(folder, 'resnet.safetensors')
    const edge = ['refine.method=affinity', 'affinity={network: edge, backbone: resnet50, batchSize: 3}']
    const set = [SEGMENT, ...edge, `affinity.weights=${file}`]
    for (const name of ['layer1.0.conv1.weight', 'stage2.0.0.conv1.weight', 'conv1a.weight']) {
      await writeSafetensors(file, new Map([[name, fromFloat32(new Float32Array(4), [4])]]))
      if (name !== 'conv1a.weight') await look(set)
    }
    await expect(look(set)).rejects.toThrow(
      `${file} (affinity.weights): holds no weights of a ResNet50; a file with layer1.0.conv1.weight, or another affinity.backbone; the file seems to hold a ResNet38`,
    )
  })

  it('scores of images that maps are not made for', async () => {
    const samples = [...['a', 'b', 'c'].map(id => sample(id, { mask: undefined })), sample('d', { tags: [] })]
    await expect(look([], samples)).rejects.toThrow(
      'evaluate.split: is train: none of its 1 images with a mask gets a CAM; CAMs are made for the tagged images of data.split, train',
    )
  })

  it('a background to be swept without masks is said', async () => {
    const samples = ['a', 'b', 'c'].map(id => sample(id, { mask: undefined }))
    await look(['refine.method=crf', 'refine.background=sweep'], samples)
    expect(lines).toEqual([
      'refine.background is sweep, and no image of train has a mask to choose it by: it is chosen without masks\n',
    ])
  })
})
