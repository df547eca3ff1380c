/** @file A training step of CTI (model_CTI.py, update): two views of each image, and the first of them with infused tokens. */
import { type Losses, multilabelSoftMargin } from '../../nn/index.ts'
import { type Tensor, tensor } from '../../torch/index.ts'
import type { ClassBatch, StepPlace } from '../method.ts'
import { AttentionSums } from './attention-sums.ts'
import { infuse, type Presence, presences, tokensOfOthers } from './infusion.ts'
import { backgroundLoss, crossLoss, intraLoss, maxNorm, type RefinedMaps, refinedMaps } from './losses.ts'
import type { ClassMemory } from './memory.ts'
import type { Cti, CtiLogits, CtiOutput } from './model.ts'

export interface CtiLossOptions {
  /** Weights of the losses beside the classification loss. */
  readonly background?: number
  readonly intra?: number
  readonly cross?: number
  /** First epoch, from 0, in which they count. */
  readonly start?: number
  /** The background loss does not reach the CAMs of the classes. */
  readonly detachCams?: boolean
}

export interface CtiStepOptions {
  readonly losses?: CtiLossOptions
  /** Block, from 0, whose class tokens are infused. */
  readonly infusion?: number
  /** Where the tokens of other images come from: the class memory, or, without one, the batch. */
  readonly memory?: ClassMemory | undefined
}

const LAYERS = 6 // last layers whose class-to-patch attention is summed in training

/** The passes of an image that begin with the same blocks; what a weight of 0 leaves out is undefined. */
export interface CtiPasses {
  readonly plain: CtiOutput & { readonly sums: AttentionSums | undefined }
  readonly second: CtiLogits
  /** Class tokens of both views after the block of infusion [B, 1 + C, D]. */
  readonly tokens: Tensor
  readonly secondTokens: Tensor
  /** Responses after infusion of the second view's tokens [B, 1 + C, h, w]. */
  readonly intra: Tensor | undefined
  /** Of the pass with tokens of other images. */
  readonly cross:
    | { readonly given: Tensor; readonly patchMaps: Tensor; readonly sums: AttentionSums }
    | undefined
}

/**
 * The first blocks of an image run once for its plain and its infused passes (drop-path then drops the same in them; the
 * original draws anew). The second view's tokens are recorded, those of other images are not.
 */
export function ctiPasses(
  network: Cti,
  { images, views }: Pick<ClassBatch, 'images' | 'views'>,
  {
    infusion,
    background,
    intra,
    others,
  }: {
    infusion: number
    background: boolean
    intra: boolean
    /** Tokens [B, C, D] from the image's own [B, C, D]; undefined for no such pass. */
    others: (own: Tensor) => Tensor | undefined
  },
): CtiPasses {
  const { numClasses: labels, blocks } = network
  const [to, after] = [{ to: infusion + 1 }, { from: infusion + 1 }]
  const sums = background
    ? new AttentionSums(labels, { classes: Math.max(0, blocks.length - LAYERS), patches: after.from })
    : undefined
  const summed = sums && { sums }
  const shared = network.pass(network.embed(images), { ...to, ...summed })
  const other = network.pass(network.embed(views[0]!), to)
  const tokens = network.classTokensOf(shared)
  const secondTokens = network.classTokensOf(other)
  const plain = network.outputs(network.pass(shared, { ...after, ...summed }), images)
  const second = network.outputs(network.pass(other, after), views[0]!)
  const infused = (given: Tensor, own?: AttentionSums): Tensor => {
    const mixed = infuse(shared, given, { labels })
    return network.outputs(network.pass(mixed, { ...after, ...(own && { sums: own }) }), images).patchMaps
  }
  const given = others(tokens.narrow(1, 1, labels - 1).detach())
  const crossSums = new AttentionSums(labels, { classes: after.from })
  return {
    plain: { ...plain, sums },
    second,
    tokens,
    secondTokens,
    intra: intra ? infused(secondTokens) : undefined,
    cross: given && { given, patchMaps: infused(given, crossSums), sums: crossSums },
  }
}

/** Tokens for infusion from other images: absent classes keep their own. own [B, C, D], not recorded */
export function othersOf(
  own: Tensor,
  { memory, tags, targets }: { memory: ClassMemory | undefined; tags: readonly Presence[]; targets: Tensor },
): Tensor {
  if (memory === undefined) return tokensOfOthers(own, tags)
  const present = targets.unsqueeze(2) // [B, C, 1]
  const means = memory.means().to({ device: own.device })
  return own.mul(present.neg().add(1)).add(means.mul(present))
}

/** The foreground and background maps of the background loss. */
export function backgroundMaps(
  { patchMaps, sums }: CtiPasses['plain'],
  targets: Tensor,
  options: { detachCams?: boolean },
): RefinedMaps {
  const { classes, patches } = sums!
  return refinedMaps({ cams: patchMaps.relu(), classes, patches }, targets, options)
}

/** Total and parts of one step. With a memory, the cross loss waits until all classes have full lists: 0 until then. */
export function ctiLosses(
  network: Cti,
  batch: Pick<ClassBatch, 'images' | 'views' | 'targets'>,
  {
    losses: { background = 0.1, intra = 1, cross = 1, start = 0, detachCams = false } = {},
    infusion = 3,
    memory,
    at: { epoch },
  }: CtiStepOptions & { readonly at: Pick<StepPlace, 'epoch'> },
): Losses {
  const { targets } = batch
  const on = (weight: number): boolean => weight > 0 && epoch >= start
  const tags = on(cross) ? presences(targets) : []
  const others = (own: Tensor): Tensor | undefined => {
    if (!on(cross)) return undefined
    memory?.append(own, tags)
    return memory === undefined || memory.filled === 1 ? othersOf(own, { memory, tags, targets }) : undefined
  }
  const passes = ctiPasses(network, batch, { infusion, background: on(background), intra: on(intra), others })
  const { plain, second } = passes
  const logits = [plain, second].flatMap(({ classLogits, patchLogits }) => [classLogits, patchLogits])
  const parts: Record<string, Tensor> = {
    'class loss': logits
      .map(each => multilabelSoftMargin(each, targets))
      .reduce((sum, each) => sum.add(each)),
  }
  let total = parts['class loss']!
  const add = (name: string, loss: Tensor, weight: number): void => {
    parts[name] = loss
    total = total.add(loss.mul(weight))
  }
  const cams = plain.patchMaps.relu()
  const stretched = on(intra) || passes.cross !== undefined ? maxNorm(cams) : undefined
  if (on(background))
    add('background loss', backgroundLoss(backgroundMaps(plain, targets, { detachCams })), background)
  if (passes.intra !== undefined) add('intra loss', intraLoss(stretched!, passes.intra), intra)
  if (passes.cross !== undefined) {
    const { patchMaps, sums } = passes.cross
    add('cross loss', crossLoss(stretched!, { cams: patchMaps.relu(), classes: sums.classes }), cross)
  } else if (on(cross)) parts['cross loss'] = tensor([0])
  if (on(cross) && memory !== undefined) parts.memory = tensor([memory.filled])
  return { total, parts }
}
