import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { writeSafetensors } from '../../io/safetensors.ts'
import { fromFloat32, type TensorData } from '../../io/tensor-data.ts'
import type { Shapes } from '../../models/recognised.ts'
import { silentLog } from '../../train/log.ts'
import { identify, normalisationOf, weightFacts } from './identify.ts'
import { warnOfNormalisation } from './normalisation.ts'

const lists = join(import.meta.dirname, '../../../test/parity/names')

/** Names and shapes of a published list. */
async function listed(name: string, prefix = ''): Promise<Shapes> {
  const lines = (await readFile(join(lists, `${name}.txt`), 'utf8')).trim().split('\n')
  return new Map(
    lines.map(line => {
      const [, key, extents] = /^(\S+) \((.*)\)$/.exec(line)!
      const shape = extents!.split(',').flatMap(text => (text.trim() === '' ? [] : [Number(text)]))
      return [prefix + key!, { shape }]
    }),
  )
}

const shapes = (names: Readonly<Record<string, readonly number[]>>): Shapes =>
  new Map(Object.entries(names).map(([name, shape]) => [name, { shape }]))

/** A DeiT-S's, beside others. */
const deitS = (others: Readonly<Record<string, readonly number[]>> = {}): Shapes => {
  const blocks = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`blocks.${i}.norm1.weight`, [384]]))
  const positions = {
    cls_token: [1, 1, 384],
    pos_embed: [1, 197, 384],
    'patch_embed.proj.weight': [384, 3, 16, 16],
  }
  return shapes({ ...positions, ...blocks, ...others })
}

describe('every published network is known by its names and shapes', () => {
  test.each([
    ['mctformer_v1_C20', 'MCTformer V1: deit-s', 'mctformer', 20],
    ['mctformer_v2_C20', 'MCTformer V2: deit-s', 'mctformer', 20],
    ['mctformer_plus_C20', 'MCTformer+: deit-s', 'mctformer', 20],
    ['weaktr_cam_C20_r8', "WeakTr's CAM network V2 or V3: deit-s", 'weaktr', 20],
    ['cti_C20', 'CTI: deit-s', 'cti', 20],
    ['afa_mit_b1', 'AFA on a mix transformer: mit-b1', 'afa', 20],
    ['semformer_seg', "SemFormer's segmentation network: deit-s", 'semformer', 20],
    ['semformer_caae', "SemFormer's class-aware autoencoder: deit-b", undefined, 20],
    ['weaktr_segmenter_n21', "a Segmenter (WeakTr's retraining): deit-s", undefined, 20],
    ['psa_resnet38_aff', 'an AffinityNet on a ResNet38', undefined, undefined],
    ['resnet38_seg_n21', 'a ResNet38 with the head for segmentation', undefined, 20],
  ])('%s', async (name, network, method, classes) => {
    for (const prefix of ['', 'module.']) {
      const found = identify(await listed(name, prefix))!
      expect([found.network, found.method, found.classes]).toEqual([network, method, classes])
    }
  })

  test('with the keys of a recipe and the grid of patches', async () => {
    expect(identify(await listed('mctformer_plus_C20'))).toMatchObject({
      settings: ['model.variant=plus', 'model.width=deit-s', 'model.patchSize=16', 'model.imageSize=448'],
      patch: { side: 16, grid: 28 },
    })
    expect(identify(await listed('weaktr_cam_C20_r8'))).toMatchObject({
      settings: [
        'model.fusion.reduction=8',
        'model.fusion.featReduction=8',
        'model.width=deit-s',
        'model.patchSize=16',
        'model.imageSize=224',
      ],
      open: { values: ['v2', 'v3'] },
    })
    expect(identify(await listed('weaktr_segmenter_n21'))).toMatchObject({
      settings: ['segment.network=segmenter', 'segment.backbone=deit-s', 'segment.cropSize=480'],
    })
  })

  test("a WeakTr's generation is what tagmask wrote, or V1 by its names", async () => {
    const weights = await listed('weaktr_cam_C20_r8')
    expect(identify(weights, { 'weaktr.generation': 'v2' })).toMatchObject({
      network: "WeakTr's CAM network V2: deit-s",
      settings: expect.arrayContaining(['model.fusion.generation=v2']),
    })
    const first = identify(deitS({ 'adaptive_attention_fusion.fc.0.weight': [18, 72] }))
    expect(first).toMatchObject({
      network: "WeakTr's CAM network V1: deit-s",
      settings: expect.arrayContaining(['model.fusion.generation=v1', 'model.fusion.reduction=4']),
    })
    expect(first).not.toHaveProperty('open')
  })
})

describe('backbones', () => {
  test.each<[string, Shapes, string, number | undefined]>([
    ['DeiT', deitS({ 'head.weight': [1000, 384] }), 'a vision transformer, as DeiT: deit-s', 1000],
    [
      'distilled',
      deitS({ dist_token: [1, 1, 384], pos_embed: [1, 198, 384], 'head.weight': [1000, 384] }),
      'a distilled DeiT: deit-s',
      1000,
    ],
    [
      'DINOv2',
      deitS({
        'blocks.0.ls1.gamma': [384],
        mask_token: [1, 384],
        pos_embed: [1, 1370, 384],
        'patch_embed.proj.weight': [384, 3, 14, 14],
      }),
      'a vision transformer with LayerScale, as DINOv2: deit-s',
      undefined,
    ],
    [
      'a classifier of its own',
      deitS({ 'head.weight': [7, 384] }),
      'a vision transformer with a classifier, as the method cam has it: deit-s',
      7,
    ],
    [
      "Hugging Face's",
      shapes({
        'vit.embeddings.cls_token': [1, 1, 16],
        'vit.embeddings.position_embeddings': [1, 5, 16],
        'vit.embeddings.patch_embeddings.projection.weight': [16, 3, 8, 8],
        'vit.encoder.layer.0.layernorm_before.weight': [16],
        'classifier.weight': [1000, 16],
      }),
      "a vision transformer, as DeiT: 1 blocks of width 16, under Hugging Face's names",
      1000,
    ],
    [
      "SegFormer's by Hugging Face",
      shapes({
        'segformer.encoder.patch_embeddings.0.proj.weight': [64, 3, 7, 7],
        'classifier.weight': [1000, 512],
      }),
      "a mix transformer (SegFormer), under Hugging Face's names",
      1000,
    ],
    [
      "SegFormer's by MMSegmentation",
      shapes({ 'layers.0.0.projection.weight': [64, 3, 7, 7] }),
      "a mix transformer (SegFormer), under MMSegmentation's names",
      undefined,
    ],
    [
      'ResNet50',
      shapes({ 'layer1.0.conv1.weight': [64], 'layer3.5.conv3.weight': [1024], 'fc.weight': [1000, 2048] }),
      'a ResNet50',
      1000,
    ],
    ['IRN', shapes({ 'fc_edge6.weight': [1] }), "IRN's edge network on a ResNet50", undefined],
    [
      'ResNet38',
      shapes({ 'conv1a.weight': [64, 3, 3, 3], 'fc8.weight': [20, 4096, 1, 1] }),
      'a ResNet38',
      20,
    ],
  ])('%s', (_, weights, network, classes) => {
    const found = identify(weights)!
    expect([found.network, found.classes]).toEqual([network, classes])
  })

  test('384 pixels, and registers that nothing here has', () => {
    expect(identify(deitS({ pos_embed: [1, 577, 384] }))!.patch).toEqual({ side: 16, grid: 24 })
    const registers = identify(deitS({ register_tokens: [1, 4, 384] }))!
    expect(registers.notes).toEqual([
      'register_tokens take part in every attention: no network here can use these weights',
    ])
  })

  test.each([
    ['a ResNet18', shapes({ 'layer1.0.conv1.weight': [64] })],
    ['other names', shapes({ a: [1] })],
    ['nothing', shapes({})],
  ])('%s is not known', (_, weights) => expect(identify(weights)).toBeUndefined())
})

describe('the normalisation that belongs to weights', () => {
  const HALF = [0.5, 0.5, 0.5]
  const half = { mean: HALF, std: HALF }
  const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const
  const of = (weights: Shapes, file = 'a.pth') => normalisationOf(file, { weights, metadata: {} })
  const augreg = shapes({ 'embedding/kernel': [16, 16, 3, 384] })

  test('is that of what they are', async () => {
    expect(await of(augreg)).toMatchObject(half)
    expect(await of(deitS({ dist_token: [1, 1, 384] }))).toEqual({ ...imagenet, words: "ImageNet's" })
    expect((await of(deitS()))?.doubtful).toContain('augreg')
    expect(await of(shapes({ a: [1] }))).toBeUndefined()
  })

  test.each([
    ['preprocessor_config.json', { image_mean: HALF, image_std: HALF }],
    ['config.json', { architecture: 'vit', pretrained_cfg: { mean: HALF, std: HALF } }],
  ])('is what %s says', async (name, json) => {
    const folder = await temporaryFolder({ [name]: JSON.stringify(json) })
    expect(await of(deitS(), join(folder, 'model.safetensors'))).toEqual({
      ...half,
      words: `as ${name} beside it says`,
    })
  })

  test.each(['{"image_mean": 3}', 'no JSON', '{"image_mean": [1, 2, 3], "image_std": [0, 1, 1]}', 'null'])(
    '%s says nothing',
    async text => {
      const folder = await temporaryFolder({ 'preprocessor_config.json': text })
      expect(await of(augreg, join(folder, 'a.npz'))).toMatchObject({ words: '0.5 and 0.5' })
    },
  )

  test('a recipe with another one is warned of, once', async () => {
    const log = silentLog()
    const warn = (used: { mean: [number, number, number]; std: [number, number, number] }) =>
      warnOfNormalisation('/nowhere/S_16.npz', augreg, { used, key: 'segment.normalise', log })
    await warn({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] })
    expect(log.warnings).toEqual([])
    await warn({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
    await warn({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
    expect(log.warnings).toEqual([
      "/nowhere/S_16.npz was trained on pixels normalised by mean [0.5, 0.5, 0.5], std [0.5, 0.5, 0.5] (0.5 and 0.5), and segment.normalise is mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]: --set segment.normalise='{mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}'",
    ])
  })

  test('doubt is no warning', async () => {
    const log = silentLog()
    await warnOfNormalisation('/nowhere/deit.pth', deitS(), {
      used: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      key: 'normalise',
      log,
    })
    expect(log.warnings).toEqual([])
  })
})

test('facts of a safetensors file are read from its header', async () => {
  const folder = await temporaryFolder({})
  const file = join(folder, 'a.safetensors')
  const weight: TensorData = fromFloat32(Float32Array.of(1, 2))
  await writeSafetensors(file, new Map([['a', weight]]), { 'weaktr.generation': 'v2' })
  const { weights, metadata } = await weightFacts(file)
  expect([weights.get('a')!.shape, metadata]).toEqual([[2], { 'weaktr.generation': 'v2' }])
})
