/** @file Parity of the dense energy loss with DenseEnergyLoss of AFA (`afa_energy`): exact sums and the lattice's. */
import { z } from 'zod'
import { denseEnergy, type GatedSums, gatedSums } from '../../../src/refine/dense-energy.ts'
import { backward, fromData, noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor, TOLERANCE } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { isAfa } from './afa-network.ts'

export const afaEnergy: Kind = {
  name: 'AFA dense energy loss',
  matches: content => isAfa(content, 'utils/losses.py DenseEnergyLoss') && content.has('out.AS_lattice'),
  check,
}

const colour = z.tuple([z.number(), z.number(), z.number()])
const config = z.object({
  weight: z.number(),
  sigma_rgb: z.number(),
  sigma_xy: z.number(),
  scale_factor: z.number(),
  mean: colour,
  std: colour,
})

function check(fixture: Fixture, { device }: CheckOptions): Comparison[] {
  const {
    weight,
    sigma_rgb: srgb,
    sigma_xy: sxy,
    scale_factor: scale,
    ...tones
  } = parseConfig(fixture, config)
  const [mean, std] = [tones.mean, tones.std].map(
    ([red, green, blue]) => [red / 255, green / 255, blue / 255] as const,
  ) as [Colour, Colour]
  return scope(() => {
    const given = (name: string): Tensor => fromData(tensorOf(fixture, `in.${name}`)).to({ device })
    const logits = given('logits')
    logits.requiresGrad = true
    const sides = given('box').toFloat32Array()
    const boxes = Array.from({ length: sides.length / 4 }, (_, b) => {
      const [top, bottom, left, right] = sides.subarray(4 * b) as unknown as [number, number, number, number]
      return { top, bottom, left, right }
    })
    const options = {
      images: given('image'),
      labels: given('label'),
      boxes,
      srgb,
      sxy,
      scale,
      normalise: { mean, std },
    }
    const sums = (filter: 'exact' | 'lattice'): GatedSums =>
      noGrad(() => {
        const size = logits.shape.slice(2).map(side => Math.floor(side * scale))
        const probabilities = ops.upsampleBilinear2d(logits.softmax(1), size, false)
        return gatedSums(probabilities, { ...options, filter })
      })
    const energy = (weight: number, filter: 'exact' | 'lattice'): Tensor =>
      denseEnergy(logits, { ...options, weight, filter })
    const loss = energy(weight, 'exact')
    backward(loss)
    const close = (name: string, got: Tensor, tolerance: number = TOLERANCE.output): Comparison =>
      compareTensor(name, got, tensorOf(fixture, name), { tolerance })
    return [
      close('loss.energy', loss.reshape(1)),
      close('loss.energy_w1', energy(1, 'exact').reshape(1)),
      close('loss.energy_lattice', energy(1, 'lattice').reshape(1)),
      close('out.AS', sums('exact').gated),
      close('out.AS_lattice', sums('lattice').gated),
      close('grad.logits', logits.grad!, TOLERANCE.gradient),
    ]
  })
}

type Colour = readonly [number, number, number]
