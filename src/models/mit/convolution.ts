/** @file Convolutions as SegFormer draws them. */
import { Conv2d, type Conv2dOptions, kaimingNormal } from '../../nn/index.ts'
import { ops } from '../../torch/index.ts'

/** Weights with the variance that backward keeps, no bias at first. */
export function convolution({ groups = 1, ...options }: Omit<Conv2dOptions, 'init' | 'initBias'>): Conv2d {
  return new Conv2d({
    ...options,
    groups,
    init: shape => kaimingNormal(shape, { fan: 'out', groups }),
    initBias: shape => ops.zeros(shape),
  })
}
