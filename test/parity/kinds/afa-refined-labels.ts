/** @file Parity of AFA's labels refined by PAR with utils/camutils.py: part of `afa_camutils`. */
import { z } from 'zod'
import {
  denormalisedImages,
  type PixelBox,
  refinedClassMaps,
  refinedPseudoLabels,
} from '../../../src/refine/par/index.ts'
import { fromData, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'

export const afaRefinedLabels: Kind = {
  name: 'AFA refined labels',
  matches: ({ source, has }) =>
    /utils\/camutils\.py/.test(source) && has('out.refined_bkg') && !has('out.aff_label'),
  check: checkRefinedLabels,
}

const config = z.object({
  high_thre: z.number(),
  low_thre: z.number(),
  ignore_index: z.int(),
  down_scale: z.literal(2),
  par: z.object({ dilations: z.array(z.int().positive()), num_iter: z.int().positive() }),
})

/** `out.denorm`, `out.denorm2`, `out.refined_bkg` and `out.refined_cls`. */
export function checkRefinedLabels(fixture: Fixture, { device }: CheckOptions): Comparison[] {
  const { high_thre: high, low_thre: low, ignore_index: ignore, par } = parseConfig(fixture, config)
  return scope(() => {
    const given = (name: string): Tensor => fromData(tensorOf(fixture, `in.${name}`)).to({ device })
    const images = denormalisedImages(given('image'))
    const tags = given('label')
    const batch = {
      images,
      tags,
      boxes: boxesOf(fixture),
      ...{ dilations: par.dilations, iterations: par.num_iter },
    }
    const labels = refinedPseudoLabels({ ...batch, cams: given('cam'), low, high, ignore })
    const maps = refinedClassMaps({ ...batch, maps: given('cams_bkg') })
    const exact = (name: string, got: Tensor): Comparison =>
      compareExact(name, got.toFloat32Array(), tensorOf(fixture, name).data)
    return [
      exact('out.denorm', ops.floor(images.mul(255).add(0.5))),
      compareTensor('out.denorm2', images, tensorOf(fixture, 'out.denorm2')),
      exact('out.refined_bkg', labels),
      compareTensor('out.refined_cls', maps, tensorOf(fixture, 'out.refined_cls')),
    ]
  })
}

/** `in.box`: top, bottom, left, right of each image. */
export function boxesOf(fixture: Fixture): PixelBox[] {
  const { data, shape } = tensorOf(fixture, 'in.box')
  const sides = new Int32Array(data.buffer, data.byteOffset, data.length / 4)
  return Array.from(
    { length: shape[0]! },
    (_, b) => [...sides.subarray(4 * b, 4 * b + 4)] as unknown as PixelBox,
  )
}
