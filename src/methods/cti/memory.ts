/** @file The class memory: the last tokens of each class over the training, part of every checkpoint (model_CTI.py, ctk_global). */
import { keep, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Presence } from './infusion.ts'

/** On the CPU whatever the network's device: a few megabytes, and a few rows a step. */
export class ClassMemory {
  /** Oldest first, zero where there is none yet [C, length, D]. */
  readonly tokens: Tensor
  /** How many there are of each class [C]. */
  readonly counts: Tensor

  constructor({ numClasses, length, width }: { numClasses: number; length: number; width: number }) {
    this.tokens = keep(ops.zeros([numClasses, length, width]))
    this.counts = keep(ops.zeros([numClasses]))
  }

  /** By the names they have in a checkpoint. */
  get state(): ReadonlyMap<string, Tensor> {
    return new Map([
      ['class_tokens', this.tokens],
      ['class_counts', this.counts],
    ])
  }

  /** Appends class tokens [B, C, D] of the given tags, normalised over their channels; the oldest fall out. */
  append(tokens: Tensor, tags: readonly Presence[]): void {
    noGrad(() =>
      scope(() => {
        const normal = ops
          .layerNorm(tokens.detach(), [tokens.size(-1)])
          .to({ dtype: 'float32', device: 'cpu' })
        const counts = this.counts.toFloat32Array()
        for (const index of new Set(tags.map(([, tag]) => tag))) {
          const rows = tags.flatMap(([image, tag]) =>
            tag === index ? [normal.select(0, image).narrow(0, index, 1)] : [],
          )
          this.#extend(index, counts[index]!, ops.cat(rows))
        }
      }),
    )
  }

  /** `added` [n, D] after the `held` tokens of a class. */
  #extend(index: number, held: number, added: Tensor): void {
    const own = this.tokens.select(0, index)
    const all = ops.cat([own.narrow(0, 0, held), added])
    const count = Math.min(all.size(0), own.size(0))
    ops.copy_(own.narrow(0, 0, count), all.narrow(0, all.size(0) - count, count))
    ops.fill_(this.counts.narrow(0, index, 1), count)
  }

  /** The mean token of each class [C, D]; zero for a class without any. */
  means(): Tensor {
    return scope(() => this.tokens.sum(1).div(this.counts.clamp({ min: 1 }).unsqueeze(1)))
  }

  get classes(): number {
    return this.tokens.size(0)
  }

  /** Tokens of a full list. */
  get length(): number {
    return this.tokens.size(1)
  }

  /** Classes whose list is not full. */
  get waiting(): number {
    return this.counts.toFloat32Array().filter(count => count < this.length).length
  }

  /** Share of the classes whose list is full. */
  get filled(): number {
    return 1 - this.waiting / this.classes
  }
}
