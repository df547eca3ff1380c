/** @file Parity of CTI's learning rates and parameter groups with train_setup: timm's optimizer and schedule. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { Cti } from '../../../src/methods/cti/model.ts'
import { noDecay } from '../../../src/models/vit/index.ts'
import { cosineEpoch, decayGroups, scaledLr } from '../../../src/optim/index.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { isCti } from './cti-network.ts'

export const ctiSchedule: Kind = {
  name: 'CTI schedule and parameter groups',
  matches: content => isCti(content, 'train_setup'),
  check,
}

const config = z.object({
  batch_size: z.int(),
  epochs: z.int(),
  warmup_epochs: z.number(),
  warmup_lr: z.number(),
  min_lr: z.number(),
  lr_argument: z.number(),
  linear_scaled_lr: z.number(),
  optimizer: z.literal('AdamW'),
  groups: z.array(
    z.object({
      weight_decay: z.number(),
      betas: z.tuple([z.literal(0.9), z.literal(0.999)]),
      eps: z.literal(1e-8),
      names: z.array(z.string()),
    }),
  ),
})

const TOLERANCE = 1e-12

function check(fixture: Fixture): Comparison[] {
  const { groups, epochs, ...run } = parseConfig(fixture, config)
  const depth = new Set(groups.flatMap(({ names }) => names.map(name => /^blocks\.\d+/.exec(name)?.[0])))
  depth.delete(undefined)
  const sizes = {
    numClasses: 2,
    imageSize: 32,
    patchSize: 16,
    embedDim: 8,
    heads: 2,
    mlpRatio: 4,
    dropPath: 0,
  }
  const network = new Cti({ ...sizes, depth: depth.size })
  const own = decayGroups(network, { weightDecay: groups[1]!.weight_decay, noDecay })
  const names = own.map(({ parameters }) => [...parameters.keys()].sort())
  network.dispose()
  const lr = scaledLr(run.lr_argument, { batchSize: run.batch_size, lrBatch: 512 })
  const rates = tensorOf(fixture, 'lr.epoch')
  const rate = cosineEpoch({
    lr,
    epochs,
    warmupEpochs: run.warmup_epochs,
    warmupLr: run.warmup_lr,
    minLr: run.min_lr,
    offByOne: false,
  })
  const [rows, columns] = rates.shape as [number, number]
  const wanted = toFloat64Array(rates)
  const trained = Array.from({ length: rows }, (_, epoch) => Array(columns).fill(after(epoch)) as number[])
  /** Past the last epoch, which no training reaches, timm holds the end of the cosine. */
  function after(epoch: number): number {
    return epoch < epochs ? rate(epoch) : run.min_lr
  }
  return [
    compareFloat('lr.epoch', trained.flat(), wanted, TOLERANCE),
    compareFloat('config.linear_scaled_lr', [lr], [run.linear_scaled_lr], TOLERANCE),
    ...groups.map((group, i) => {
      const same = names[i]!.join() === [...group.names].sort().join()
      const decay = own[i]!.weightDecay === group.weight_decay
      return compareExact(`config.groups.${i}`, [Number(same), Number(decay)], [1, 1])
    }),
  ]
}
