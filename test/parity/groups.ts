/** @file Learning rates and parameter groups against those of a golden file's runs. */
import { z } from 'zod'
import { toFloat64Array } from '../../src/io/tensor-data.ts'
import { cosineEpoch, type ParameterGroup } from '../../src/optim/index.ts'
import { type Comparison, compareExact, compareFloat } from './comparison.ts'
import { type Fixture, tensorOf } from './fixture.ts'

const RATE_TOLERANCE = 1e-12 // a few operations in float64 on both sides

/** One run of timm's create_optimizer (AdamW) and create_scheduler (cosine). */
export const timmRun = z.object({
  epochs: z.int().positive(),
  base_lr_after_linear_scaling: z.number(),
  warmup_lr: z.number(),
  warmup_epochs: z.int().nonnegative(),
  min_lr: z.number(),
  groups: z.array(
    z.object({
      weight_decay: z.number(),
      eps: z.literal(1e-8),
      betas: z.tuple([z.literal(0.9), z.literal(0.999)]),
      params: z.array(z.string()),
    }),
  ),
})

type TimmRun = z.infer<typeof timmRun>

/** Weight decay of the groups that have one. */
export function weightDecayOf({ groups }: TimmRun): number {
  return Math.max(...groups.map(group => group.weight_decay))
}

/** `lr.<name>` and the groups of the run of that name, against ours. */
export function checkRun(
  fixture: Fixture,
  name: string,
  { run, groups }: { run: TimmRun; groups: readonly ParameterGroup[] },
): Comparison[] {
  const rates = tensorOf(fixture, `lr.${name}`)
  const rate = cosineEpoch({
    lr: run.base_lr_after_linear_scaling,
    epochs: run.epochs,
    warmupEpochs: run.warmup_epochs,
    warmupLr: run.warmup_lr,
    minLr: run.min_lr,
  })
  const [epochs = 0] = rates.shape
  const expected = Array.from({ length: epochs }, (_, epoch) =>
    groups.map(({ lrScale = 1 }) => rate(epoch) * lrScale),
  )
  const at = `config.runs.${name}.groups`
  return [
    compareFloat(`lr.${name}`, expected.flat(), toFloat64Array(rates), RATE_TOLERANCE),
    compareExact(
      `${at}.weight_decay`,
      groups.map(group => group.weightDecay),
      run.groups.map(group => group.weight_decay),
    ),
    ...groups.map((group, i) => {
      const [ours, theirs] = [new Set(group.parameters.keys()), new Set(run.groups[i]?.params)]
      const strays = [...ours, ...theirs].filter(entry => ours.has(entry) !== theirs.has(entry))
      return { ...compareExact(`${at}.${i}.params`, [strays.length], [0]), note: strays.join(', ') }
    }),
  ]
}
