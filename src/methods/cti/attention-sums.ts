/** @file The attention that CAMs and losses are made of, summed over layers while tokens pass: never that of a head, or of all layers. */
import type { Recorded } from '../../models/vit/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'

export interface AttentionLayers {
  /** First layer, from 0, of the sum of class-to-patch attention. */
  readonly classes: number
  /** The same of patch-to-patch attention; none unless told. */
  readonly patches?: number
}

/** Sums over layers of attention averaged over heads, in float32; recorded where the pass is. */
export class AttentionSums {
  readonly #tokens: number
  readonly #from: Required<AttentionLayers>
  #classes: Tensor | undefined
  #patches: Tensor | undefined

  /** `tokens`: class tokens, which come first. */
  constructor(tokens: number, { classes, patches = Number.POSITIVE_INFINITY }: AttentionLayers) {
    this.#tokens = tokens
    this.#from = { classes, patches }
  }

  /** What is needed of a layer whose attention is [B, heads, length, length]. */
  records(layer: number, length: number): Recorded | undefined {
    const { classes, patches } = this.#from
    if (layer >= patches) return { meanRows: length }
    return layer >= classes ? { meanRows: this.#tokens } : undefined
  }

  /** Takes the mean [B, rows, length] over heads, and frees it. */
  add(mean: Tensor, layer: number): void {
    const [tokens, count] = [this.#tokens, mean.size(2) - this.#tokens]
    const [classes, patches] = [this.#classes, this.#patches]
    const rows = (start: number, length: number): Tensor =>
      scope(() => mean.narrow(1, start, length).narrow(2, tokens, count))
    const plus = (sum: Tensor | undefined, part: Tensor): Tensor =>
      scope(() => sum?.add(part) ?? part.clone())
    if (layer >= this.#from.classes) this.#classes = scope(() => plus(classes, rows(0, tokens)))
    if (layer >= this.#from.patches) this.#patches = scope(() => plus(patches, rows(tokens, count)))
    if (this.#classes !== classes) classes?.dispose()
    if (this.#patches !== patches) patches?.dispose()
    mean.dispose()
  }

  /** Class-to-patch attention [B, 1 + C, h*w], the background first. */
  get classes(): Tensor {
    return this.#classes!
  }

  /** Patch-to-patch attention S [B, h*w, h*w], its rows attend to its columns; not normalised. */
  get patches(): Tensor {
    return this.#patches!
  }
}
