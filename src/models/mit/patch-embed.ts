/** @file Patches that overlap: from an image, or the map of the stage before, to tokens. */
import { type Conv2d, LayerNorm, Module } from '../../nn/index.ts'
import type { Tensor } from '../../torch/index.ts'
import type { PatchGrid } from '../vit/index.ts'
import { convolution } from './convolution.ts'
import { asTokens, gridOf } from './token-map.ts'

export class OverlapPatchEmbed extends Module {
  readonly proj: Conv2d
  readonly norm: LayerNorm

  constructor({
    inChannels,
    embedDim,
    kernel,
    stride,
  }: {
    inChannels: number
    embedDim: number
    kernel: number
    stride: number
  }) {
    super()
    const padding = Math.floor(kernel / 2)
    this.proj = convolution({ inChannels, outChannels: embedDim, kernel, stride, padding })
    this.norm = new LayerNorm({ features: embedDim, eps: 1e-5 })
  }

  /** [B, in, H, W] -> tokens [B, h*w, D] of the grid ceil(H/stride), ceil(W/stride) */
  forward(map: Tensor): { tokens: Tensor; grid: PatchGrid } {
    const patches = this.proj.forward(map)
    return { tokens: this.norm.forward(asTokens(patches).to({ dtype: 'float32' })), grid: gridOf(patches) }
  }
}
