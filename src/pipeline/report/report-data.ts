/** @file The input of a report: plain data that any stage can fill. */
import type { ScoreRecord } from '../../evaluate/index.ts'
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import type { HeadWeights } from '../../methods/head-weights.ts'
import type { MetricsRecord } from '../../train/metrics.ts'
import type { Gallery } from './gallery.ts'
import type { TokenPlots } from './token-plots-section.ts'

/** Everything that a report shows; an empty list leaves its section out. */
export interface ReportData {
  readonly title: string
  /** One line under the title: method, data, when. */
  readonly subtitle: string
  /** Foreground class names; class k is label k + 1 and has its own colour throughout. */
  readonly classes: readonly string[]
  readonly scores: readonly ScoreRecord[]
  /** Why there is no score, a sentence or two. */
  readonly unscored?: string | undefined
  /** The folders that a run has made, the one to use first. */
  readonly results: readonly ResultLink[]
  /** All images. */
  readonly gallery?: Gallery | undefined
  /** Read one after another, since each is large. */
  readonly examples: Iterable<Example> | AsyncIterable<Example>
  /** In the order of the pipeline. */
  readonly trainings: readonly Training[]
  /** Images above what an autoencoder makes of them, for methods that have one. */
  readonly reconstructions?: RgbImage | undefined
  /** For methods that weigh attention heads. */
  readonly headWeights?: HeadWeights | undefined
  /** For methods with class tokens. */
  readonly tokenPlots?: TokenPlots | undefined
  /** The settings that matter to a reader, in groups. */
  readonly settings: readonly FactGroup[]
  /** Versions, seed, device, speed. */
  readonly facts: readonly Fact[]
  /** Bad images and the like, one sentence each; those of the scores are added. */
  readonly warnings: readonly string[]
}

/** A file or folder beside the page, and what it is, in words that follow its title. */
export interface ResultLink {
  readonly href: string
  readonly title: string
  readonly words: string
}

/** Rows of metrics.jsonl of one training: losses, lr and mAP are drawn. */
export interface Training {
  /** Name of the network, as in "classification network". */
  readonly of: string
  readonly rows: readonly MetricsRecord[]
}

/** One image and the results of the stages, in the order of the pipeline. */
export interface Example {
  readonly id: string
  readonly image: RgbImage
  readonly tags: readonly string[]
  readonly columns: readonly Column[]
  /** A few words after the name, such as `IoU 61.2`. */
  readonly note?: string
}

/** One view of an example; all have the size of its image. `title` heads it. */
export type Column =
  | { readonly kind: 'photo'; readonly title: string }
  | CamColumn
  | { readonly kind: 'mask'; readonly title: string; readonly mask: LabelMap }
  | {
      readonly kind: 'errors'
      readonly title: string
      readonly prediction: LabelMap
      readonly truth: LabelMap
    }

/** A CAM, height * width scores in 0..1; where it crosses `threshold`, a line is drawn. */
export interface CamColumn {
  readonly kind: 'CAM'
  readonly title: string
  readonly map: Float32Array
  readonly threshold?: number
}

/** A name and its value, as text. */
export interface Fact {
  readonly name: string
  readonly value: string
}

/** Facts under one heading. */
export interface FactGroup {
  readonly title: string
  readonly facts: readonly Fact[]
}
