import { describe, expect, it } from 'vitest'
import { InputError } from '../../errors.ts'
import { parseRecipe } from './load.ts'

function parse(segment: string, more = '') {
  return parseRecipe(`method: weaktr\nsegment: ${segment}\n${more}`, 'my.yaml', [])
}

function messageOf(segment: string, more = ''): string {
  try {
    parse(segment, more)
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    return (error as InputError).message
  }
  return 'no error'
}

describe('the sections segment and predict', () => {
  it('leave out what they were not asked for', () => {
    const { segment, predict } = parse('{}')
    expect(segment).toMatchObject({ network: 'convolutional', clipping: null, layerDecay: 1, minLr: 0 })
    expect(segment?.augment).toMatchObject({ kind: 'scale', scale: [0.7, 1.3] })
    expect(predict).toMatchObject({ crfLabels: 'all', windows: { blockEnsemble: 0, stride: null } })
  })

  it('have the published settings of online retraining as their defaults', () => {
    const { segment } = parse(
      '{ network: segmenter, cropSize: 480, clipping: {}, augment: { kind: rescale } }',
    )
    expect(segment?.clipping).toEqual({ startValue: 1.2, patchSize: 120 })
    expect(segment?.augment).toEqual({
      kind: 'rescale',
      shortSide: 520,
      maxRatio: 8,
      scale: [0.5, 2],
      labelShare: 0.75,
      flip: 0.5,
      photometric: { brightness: 32, contrast: [0.5, 1.5], saturation: [0.5, 1.5], hue: 18 },
    })
  })

  it.each([
    [
      'a patch size that does not tile the crop',
      '{ cropSize: 480, clipping: { patchSize: 128 } }',
      '',
      'my.yaml:2 (segment.clipping.patchSize): 128 does not divide segment.cropSize (480); expected a divisor, such as 96, 120, 160',
    ],
    [
      'clipping of pixels that have no label',
      '{ cropSize: 480, clipping: {} }',
      'refine: { sure: { foreground: 0.1, background: 0.4 } }',
      'my.yaml:2 (segment.clipping): {} is not for the unsure pixels of refine.sure; expected null, or segment.retrain, whose labels leave none',
    ],
    [
      'a backbone that is no transformer',
      '{ network: segmenter, backbone: resnet38 }',
      '',
      'my.yaml:2 (segment.backbone): "resnet38" is no vision transformer; expected model or deit-* for the segmenter',
    ],
    [
      'a way of prediction that it has not',
      '{ network: segmenter }',
      'predict: { combine: max }',
      'my.yaml:3 (predict.combine): "max" is not for the segmenter; expected mean',
    ],
    [
      'corners where there are windows',
      '{ network: segmenter }',
      'predict: { alignCorners: true }',
      'my.yaml:3 (predict.alignCorners): true is not for the segmenter; expected false',
    ],
    [
      'the block ensemble of a network without blocks',
      '{}',
      'predict: { windows: { blockEnsemble: 0.8 } }',
      'my.yaml:3 (predict.windows.blockEnsemble): 0.8 needs the segmenter; expected 0, or segment.network segmenter',
    ],
    [
      'learning rates by layer without layers',
      '{ layerDecay: 0.9 }',
      '',
      'my.yaml:2 (segment.layerDecay): 0.9 needs the segmenter; expected 1, or segment.network segmenter',
    ],
    [
      'a key of the other augmentation',
      '{ augment: { shortSide: 96 } }',
      '',
      'my.yaml:2 (segment.augment.shortSide): does not belong to this kind of augment; remove it or change kind',
    ],
    [
      'an augmentation nobody knows',
      '{ augment: { kind: rotate } }',
      '',
      'my.yaml:2 (segment.augment.kind): is "rotate"; expected scale or rescale',
    ],
  ])('refuse %s', (_, segment, more, message) => {
    expect(messageOf(segment, more)).toBe(message)
  })
})
