/** @file class-tokens.safetensors: what the class tokens of tags are out of every block, for the report. */
import type { Sample } from '../../../data/sample.ts'
import { writeSafetensors } from '../../../io/safetensors.ts'
import type { TensorData } from '../../../io/tensor-data.ts'
import type { Method } from '../../../methods/index.ts'
import { autocast, ops, scope, tensor } from '../../../torch/index.ts'
import { silentLog } from '../../../train/log.ts'
import { camLook } from '../../images/image-cams.ts'
import { lookAtImages, type SizedViews } from '../../images/sized-views.ts'
import { encoderOf } from '../../recipe/method.ts'
import type { Recipe } from '../../recipe/schema.ts'
import type { StageContext } from '../../run/stage.ts'

/** More make no better plot, and t-SNE takes the square of their number. */
const MOST_TOKENS = 200

interface ClassTokens {
  readonly classes: readonly number[]
  /** [classes, layers, D] */
  readonly tokens: TensorData
}

/**
 * Writes `tokens` [N, layers, D] of the tags of images spread evenly over `samples`, at most as large as those of the
 * training, with the class of each in the metadata. Images that cannot be read were named when their CAMs were made; without any, nothing is written.
 */
export async function writeClassTokens(
  path: string,
  samples: readonly Sample[],
  { method, recipe, log }: Pick<StageContext, 'recipe' | 'log'> & { method: Method },
): Promise<void> {
  const title = 'class tokens'
  const chosen = spreadSamples(samples)
  const progress = log.progress({ title, total: chosen.length })
  const look = camLook(method, recipe, [1])
  const found: ClassTokens[] = []
  for await (const one of lookAtImages(
    chosen,
    images => tokensOfImages(method, recipe, images).map(async one => one),
    {
      ...look,
      longestSide: Math.min(look.longestSide, encoderOf(recipe).imageSize), // a plot needs no more than the training saw
      strict: false,
      title,
      log: silentLog(), // what is reduced is no news
      onBadImage: () => undefined,
    },
  )) {
    found.push(one)
    progress.update(found.length)
  }
  progress.finish()
  const classes = found.flatMap(one => one.classes)
  if (classes.length === 0) return
  const [, layers, width] = found[0]!.tokens.shape as [number, number, number]
  const data = Buffer.concat(found.map(one => one.tokens.data))
  const tokens: TensorData = { dtype: 'float32', shape: [classes.length, layers, width], data }
  await writeSafetensors(path, new Map([['tokens', tokens]]), { classes: JSON.stringify(classes) })
}

/** The largest even spread of images whose tags are at most MOST_TOKENS. */
function spreadSamples(samples: readonly Sample[]): Sample[] {
  const tags = samples.reduce((sum, { tags }) => sum + tags.length, 0)
  const step = Math.max(1, tags / MOST_TOKENS)
  const chosen = Array.from(
    { length: Math.floor(samples.length / step) },
    (_, i) => samples[Math.floor(i * step)]!,
  )
  let left = MOST_TOKENS
  return chosen.filter(({ tags }) => {
    left -= tags.length
    return left >= 0
  })
}

/** Of images of one size, which pass through the network together. */
function tokensOfImages(
  method: Method,
  { device, precision }: Pick<Recipe, 'device' | 'precision'>,
  images: readonly Pick<SizedViews, 'sample' | 'views'>[],
): ClassTokens[] {
  return scope(() => {
    const batch = ops
      .cat(images.map(({ views: [view] }) => tensor(view!.data, [1, 3, view!.height, view!.width])))
      .to({ device })
    const all = autocast({ precision, device }, () => method.classTokens!(batch)) // [layers, B, C, D]
    return images.map(({ sample: { tags } }, i) => {
      const own = ops.stack(tags.map(index => all.select(1, i).select(1, index))) // [K, layers, D]
      return { classes: tags, tokens: own.toData() }
    })
  })
}
