import { describe, expect, test } from 'vitest'
import { loadRecipe } from '../recipe/load.ts'
import { stagesOf } from '../stages/list.ts'

const START = 'TRAINING STARTS FROM RANDOM WEIGHTS: '

async function said(name: string, set: readonly string[] = []) {
  const { recipe } = await loadRecipe(name, { set })
  return ['train', 'affinity', 'segment'].map(name =>
    stagesOf(recipe)
      .find(stage => stage.name === name)
      ?.randomStart?.(recipe),
  )
}

describe('a training that starts from nothing', () => {
  test('says so in capitals, and where weights of its size are', async () => {
    const [train, affinity, segment] = await said('mctformer-v2_deit-s_voc12')
    expect(train).toBe(
      `${START}the classification network has seen no image before, and its masks will be poor; ` +
        'give --weights deit-s, which fetches https://dl.fbaipublicfiles.com/deit/deit_small_patch16_224-cd65a155.pth',
    )
    expect(affinity).toBe(
      `${START}resnet38 of affinity has seen no image before, and its masks will be poor; ` +
        'download res38_cls.pth, linked from https://github.com/jiwoon-ahn/psa, then give --set affinity.weights=FILE',
    )
    expect(segment).toBe(affinity!.replaceAll('affinity', 'segment'))
    const [tiny] = await said('mctformer-v2_deit-ti_voc-mini')
    expect(tiny).toContain('deit_tiny_patch16_224-a1311bcf.pth')
  })

  test('of a size that nobody publishes, says what to take in its place', async () => {
    const [train] = await said('mctformer_demo', ['data.layout=folder'])
    expect(train).toBe(
      `${START}the classification network has seen no image before, and its masks will be poor; nobody publishes weights of this ` +
        'width: take --set model.width=deit-ti, and give --weights deit-ti, which fetches https://dl.fbaipublicfiles.com/deit/deit_tiny_patch16_224-a1311bcf.pth',
    )
  })

  test('names the key and the weights of its own encoder', async () => {
    const [mit] = await said('afa_mit-b1_voc12')
    expect(mit).toContain(
      'be poor; give --weights mit-b1, which fetches https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/mit_b1_20220624-02e5a6a1.pth',
    )
    const [, edges] = await said('mctformer-v2_deit-s_voc12', [
      'affinity.network=edge',
      'affinity.backbone=resnet50',
    ])
    expect(edges).toContain(
      '; give --set affinity.weights=resnet50, which fetches https://download.pytorch.org/models/resnet50-19c8e357.pth',
    )
    const [custom] = await said('afa_demo', ['data.layout=folder'])
    expect(custom).toContain('nobody publishes weights of this width: take --set model.backbone=deit-ti, ')
  })

  test('is not one where weights are given, in the demo, or on the network of the run', async () => {
    const given = ['weights=a.pth', 'affinity.weights=b.pth', 'segment.weights=c.pth']
    expect(await said('mctformer-v2_deit-s_voc12', given)).toEqual([undefined, undefined, undefined])
    expect(await said('mctformer_demo')).toEqual([undefined, undefined, undefined])
    const [, affinity, segment] = await said('mctformer-v2_deit-ti_voc-mini')
    expect([affinity, segment]).toEqual([undefined, undefined])
    expect(await said('mctformer-v2_deit-s_voc12', ['maps.weights=trained.pth'])).toEqual([
      undefined,
      expect.stringContaining('resnet38 of affinity'),
      expect.stringContaining('resnet38 of segment'),
    ])
  })
})
