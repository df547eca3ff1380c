/** @file The Segmenter: a vision transformer and a mask transformer, from images to label logits (segm/model/segmenter.py). */
import type { TensorData } from '../../io/tensor-data.ts'
import { Module } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { denseMemory } from '../encoder-memory.ts'
import type {
  LabelGroupOptions,
  LabelNetworkShape,
  Look,
  Probabilities,
  TrainableLabelNetwork,
} from '../label-network.ts'
import type { LoadedWeights } from '../loaded-weights.ts'
import { SegmenterEncoder, type SegmenterEncoderOptions } from './encoder.ts'
import { segmenterProbabilities } from './inference.ts'
import { type Masks, MaskTransformer, type MaskTransformerOptions } from './mask-transformer.ts'
import { segmenterGroups } from './parameter-groups.ts'
import { loadSegmenter } from './pretrained.ts'

export interface SegmenterOptions extends SegmenterEncoderOptions {
  /** Background included. */
  readonly labels: number
  /** Of the decoder; its heads and MLP are shaped as the encoder's unless given. */
  readonly decoder?: Partial<Omit<MaskTransformerOptions, 'labels' | 'embedDim'>>
}

/** Logits [B, labels, H, W] of images of that size. */
export interface SegmenterLogits {
  readonly last: Tensor
  /** Of the masks before the decoder's last block; only with `withEarly`. */
  readonly early: Tensor | undefined
}

export class Segmenter extends Module implements TrainableLabelNetwork {
  readonly encoder: SegmenterEncoder
  readonly decoder: MaskTransformer
  readonly labels: number
  readonly shape: LabelNetworkShape

  constructor({ labels, decoder = {}, ...encoder }: SegmenterOptions) {
    super()
    const { embedDim, heads, mlpRatio } = encoder
    this.labels = labels
    this.shape = { windows: true, memory: look => denseMemory(encoder, look).bytes }
    this.encoder = new SegmenterEncoder(encoder)
    this.decoder = new MaskTransformer({ embedDim, heads, mlpRatio, labels, ...decoder })
  }

  /**
   * images [B, 3, H, W], normalised -> logits [B, labels, h, w] for a loss that resizes them: of patches where whole ones
   * cover the images, else of pixels.
   */
  forward(images: Tensor): Tensor {
    const { stride: patch } = this.encoder.patchEmbed.proj
    const whole = images.size(2) % patch === 0 && images.size(3) % patch === 0
    return scope(() => (whole ? this.masks(images).last : this.logits(images).last))
  }

  /** Logits of images of any size; `withEarly` adds what the authors' evaluation mixes in (see mixBlocks). */
  logits(images: Tensor, { withEarly = false } = {}): SegmenterLogits {
    return scope(() => {
      const { last, early } = this.masks(images, { withEarly })
      return { last: this.spread(last, images), early: early && this.spread(early, images) }
    })
  }

  /** Inference in sliding windows, by default of the training size. */
  probabilities(images: Tensor, { scales, flip, windows, cropSize }: Look): Probabilities {
    const window = windows.side ?? cropSize
    const stride = windows.stride ?? Math.ceil((2 / 3) * (window === 'whole' ? cropSize : window))
    return segmenterProbabilities(this, images, { ...windows, scales, flip, window, stride })
  }

  parameterGroups({ weightDecay, headFactor, layerDecay }: LabelGroupOptions): ParameterGroup[] {
    const groups = segmenterGroups(this, { weightDecay, encoderLr: 1 / headFactor, layerDecay })
    return groups.map(group => ({ ...group, lrScale: (group.lrScale ?? 1) * headFactor }))
  }

  /** Starts from weights of a backbone or of a whole Segmenter; see loadSegmenter. Throws InputError naming `file`. */
  loadPretrained(weights: ReadonlyMap<string, TensorData>, options: { file: string }): LoadedWeights {
    return loadSegmenter(this, weights, options)
  }

  private masks(images: Tensor, options?: { withEarly: boolean }): Masks {
    return scope(() => {
      const grid = this.encoder.grid(images)
      const tokens = this.encoder.encode(images)
      return this.decoder.forward(tokens.narrow(1, 1, grid.rows * grid.columns), grid, options)
    })
  }

  /** Bilinear to the images with their padding, which is then cut off. masks [B, labels, h, w] */
  private spread(masks: Tensor, images: Tensor): Tensor {
    const { stride: patch } = this.encoder.patchEmbed.proj
    const [height, width] = images.shape.slice(-2) as [number, number]
    const padded = ops.upsampleBilinear2d(masks, [masks.size(2) * patch, masks.size(3) * patch], false)
    return padded.narrow(2, 0, height).narrow(3, 0, width)
  }
}
