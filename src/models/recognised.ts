/** @file What a file of weights is, by its names and shapes alone. Pure. */
import type { Normalisation } from '../data/transforms/normalise.ts'

export type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>

export interface Recognised {
  /** The network, in words: "MCTformer V2", "DeiT-S". */
  readonly network: string
  /** The recipe's method, where it is the whole network of one. */
  readonly method?: string
  /** Keys of a recipe that fit it, `key=value`. */
  readonly settings?: readonly string[]
  /** Without the background. */
  readonly classes?: number | undefined
  /** Side of a patch, pixels, and patches along a side of the training image. */
  readonly patch?: { readonly side: number; readonly grid: number | undefined }
  readonly normalisation?: ProposedNormalisation
  /** What names cannot tell, to be chosen before it is written down. */
  readonly open?: OpenQuestion
  /** What keeps the weights from being used, and what is done to them. */
  readonly notes?: readonly string[]
}

/** Networks of the same names that compute different things. */
export interface OpenQuestion {
  /** In the metadata of files that answer it. */
  readonly key: string
  readonly values: readonly string[]
  readonly problem: string
}

export interface ProposedNormalisation extends Normalisation {
  /** "ImageNet's", "0.5 and 0.5" */
  readonly words: string
  /** Other weights with these names have another one. */
  readonly doubtful?: string
}

/** The weights below the prefix of an anchor, a name that the network has once, whatever wraps it; undefined without it. */
export function below(weights: Shapes, anchor: string): Shapes | undefined {
  for (const name of weights.keys()) {
    if (name !== anchor && !name.endsWith(`.${anchor}`)) continue
    const prefix = name.slice(0, -anchor.length)
    if (prefix === '') return weights
    return new Map(
      [...weights].map(([full, value]) => [
        full.startsWith(prefix) ? full.slice(prefix.length) : full,
        value,
      ]),
    )
  }
  return undefined
}

/** Extent `axis` of a tensor. */
export function extent(weights: Shapes, name: string, axis: number): number | undefined {
  return weights.get(name)?.shape.at(axis)
}
