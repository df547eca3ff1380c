/** @file Images to patch tokens. */
import { Conv2d, Module } from '../../nn/index.ts'
import { ops, type Tensor } from '../../torch/index.ts'

/** A strided convolution; the right and bottom remainder (less than a patch) is ignored, as in the original. */
export class PatchEmbed extends Module {
  readonly proj: Conv2d

  constructor({ embedDim, patchSize }: { embedDim: number; patchSize: number }) {
    super()
    this.proj = new Conv2d({ inChannels: 3, outChannels: embedDim, kernel: patchSize, stride: patchSize })
  }

  /** [B, 3, H, W] -> tokens [B, h*w, D], row by row */
  forward(images: Tensor): Tensor {
    if (images.requiresGrad) return this.product(images)
    const grid = this.proj.forward(images) // [B, D, h, w]
    return grid.reshape(grid.size(0), grid.size(1), -1).transpose(1, 2)
  }

  /** The same as one matrix product: oneDNN has no fast derivative of the strided convolution to images in bf16 (1.2 s for 8 ms). */
  private product(images: Tensor): Tensor {
    const { weight, bias, stride: side } = this.proj
    const [batch, channels, height, width] = images.shape as [number, number, number, number]
    const [rows, columns] = [Math.floor(height / side), Math.floor(width / side)]
    const patches = images
      .narrow(2, 0, rows * side)
      .narrow(3, 0, columns * side)
      .reshape(batch, channels, rows, side, columns, side)
      .permute(0, 2, 4, 1, 3, 5)
      .reshape(batch, rows * columns, -1)
    return ops.linear(patches, weight.reshape(weight.size(0), -1), { bias })
  }
}

/** Images [B, 3, H, W] with zeros right and below, up to whole patches; themselves where they have such sides. */
export function padToPatches(images: Tensor, patch: number): Tensor {
  const [below, right] = [2, 3].map(dim => (patch - (images.size(dim) % patch)) % patch) as [number, number]
  return below + right === 0 ? images : ops.constantPadNd(images, [0, right, 0, below])
}
