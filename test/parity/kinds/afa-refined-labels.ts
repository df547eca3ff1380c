/** @file Parity of AFA's labels refined by PAR with camutils.py: a part of the kind of afa-labels.ts. */
import { z } from 'zod'
import type { ImageCams } from '../../../src/methods/afa/cams.ts'
import type { ImageBox } from '../../../src/refine/image-box.ts'
import { denormalisedImages, refinedCams, refinedPseudoLabels } from '../../../src/refine/par/index.ts'
import { fromData, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type CheckOptions, type Fixture, parseConfig, tensorOf } from '../fixture.ts'

const config = z.object({
  high_thre: z.number(),
  low_thre: z.number(),
  ignore_index: z.literal(255),
  down_scale: z.literal(2),
  par: z.object({ dilations: z.array(z.int().positive()), num_iter: z.int().positive() }),
})

interface Refined {
  readonly device: CheckOptions['device']
  /** CAMs of the tags of each image. */
  readonly cams: readonly ImageCams[]
  readonly boxes: readonly ImageBox[]
}

/** `out.denorm`, `out.denorm2`, `out.refined_bkg` and `out.refined_cls`. */
export function checkRefinedLabels(fixture: Fixture, { device, cams, boxes }: Refined): Comparison[] {
  const { high_thre: high, low_thre: low, par } = parseConfig(fixture, config)
  const parameters = { dilations: par.dilations, iterations: par.num_iter }
  return scope(() => {
    const given = (name: string): Tensor => fromData(tensorOf(fixture, `in.${name}`)).to({ device })
    const images = denormalisedImages(given('image'))
    const maps = given('cams_bkg')
    const labels = refinedPseudoLabels(images, cams, { low, high, boxes, ...parameters })
    const places = cams.map(({ classes }) => [0, ...classes.map(index => index + 1)])
    const own = places.map((own, b) => ops.stack(own.map(label => maps.select(0, b).select(0, label))))
    const refined = refinedCams(images, own, { boxes, ...parameters }).map((made, b) => {
      const all = ops.zeros(maps.shape.slice(1), { device })
      for (const [i, label] of places[b]!.entries()) ops.copy_(all.select(0, label), made.select(0, i))
      return all
    })
    const exact = (name: string, got: Tensor): Comparison =>
      compareExact(name, got.toFloat32Array(), tensorOf(fixture, name).data)
    return [
      exact('out.denorm', ops.floor(images.mul(255).add(0.5))),
      compareTensor('out.denorm2', images, tensorOf(fixture, 'out.denorm2')),
      exact('out.refined_bkg', labels),
      compareTensor('out.refined_cls', ops.stack(refined), tensorOf(fixture, 'out.refined_cls')),
    ]
  })
}
