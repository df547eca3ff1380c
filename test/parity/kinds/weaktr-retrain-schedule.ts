/** @file Parity of the learning rates and parameter groups of WeakTr's online retraining. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import {
  Segmenter,
  type SegmenterGroupOptions,
  segmenterGroups,
} from '../../../src/models/segmenter/index.ts'
import { decayGroups, type ParameterGroup, polyFloor } from '../../../src/optim/index.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'

export const weaktrRetrainSchedule: Kind = {
  name: 'WeakTr online retraining, schedule',
  matches: ({ config, source, hasPrefix }) =>
    /OnlineRetraining\/segm/.test(source) && 'runs' in config && hasPrefix('lr.'),
  check,
}

export const RATE_TOLERANCE = 1e-12 // a few operations in float64 on both sides

export const groupSchema = z.object({
  lr_scale: z.number(),
  weight_decay: z.number(),
  params: z.array(z.string()),
})

const configSchema = z.object({
  runs: z.record(
    z.string(),
    z.object({
      lr: z.number(),
      iter_max: z.int().positive(),
      warmup: z.int().nonnegative(),
      min_lr: z.number(),
      enc_lr: z.number(),
      layer_decay: z.number(),
      steps: z.int().positive(),
      power: z.number(),
      scales: z.array(z.number()).nullable(),
      groups: z.array(groupSchema),
    }),
  ),
})
type Run = z.infer<typeof configSchema>['runs'][string]

function check(fixture: Fixture): Comparison[] {
  const { runs } = parseConfig(fixture, configSchema)
  return Object.entries(runs).flatMap(([name, run]) => checkRun(fixture, name, run))
}

function checkRun(fixture: Fixture, name: string, run: Run): Comparison[] {
  const network = networkLike(run.groups.flatMap(({ params }) => params))
  try {
    const { lr, iter_max: steps, power, min_lr: minLr, warmup: warmupSteps } = run
    const groups = publishedGroups(network, {
      weightDecay: Math.max(...run.groups.map(group => group.weight_decay)),
      encoderLr: run.enc_lr,
      layerDecay: run.layer_decay,
    })
    const rate = polyFloor({ lr, steps, power, minLr, warmupSteps })
    // every layer has two groups, without decay and with
    const scales = groups.flatMap(({ lrScale = 1 }, i) => (i % 2 === 0 ? [lrScale] : []))
    return [
      compareFloat(
        `lr.${name}`,
        ratesOf(groups, rate, { rows: run.steps, steps }),
        toFloat64Array(tensorOf(fixture, `lr.${name}`)),
        RATE_TOLERANCE,
      ),
      ...compareGroups(`config.runs.${name}.groups`, groups, run.groups),
      ...(run.scales === null
        ? []
        : [compareFloat(`config.runs.${name}.scales`, scales, run.scales, RATE_TOLERANCE)]),
    ]
  } finally {
    network.dispose()
  }
}

/** The groups of train.py: one a layer only where layers learn at different rates. */
export function publishedGroups(
  network: Segmenter,
  options: Required<SegmenterGroupOptions>,
): ParameterGroup[] {
  const { weightDecay, encoderLr, layerDecay } = options
  if (encoderLr < 1 || layerDecay < 1) return segmenterGroups(network, options)
  return decayGroups(network, {
    weightDecay,
    noDecay: new Set(['encoder.pos_embed', 'encoder.cls_token', 'decoder.cls_emb']),
  })
}

/**
 * The rate of each group at each step, row by row. The engine multiplies by lr_scale at every step. After the last
 * planned step nothing resets the rate first, so it keeps shrinking by the scale.
 */
export function ratesOf(
  groups: readonly ParameterGroup[],
  rate: (step: number) => number,
  { rows, steps }: { rows: number; steps: number },
): number[] {
  return Array.from({ length: rows }, (_, step) =>
    groups.map(({ lrScale = 1 }) => rate(step) * lrScale ** (1 + Math.max(0, step - steps))),
  ).flat()
}

export function compareGroups(
  at: string,
  groups: readonly ParameterGroup[],
  wanted: readonly z.infer<typeof groupSchema>[],
): Comparison[] {
  const column = (name: string, ours: readonly number[], theirs: readonly number[]): Comparison =>
    compareFloat(`${at}.${name}`, ours, theirs, RATE_TOLERANCE)
  return [
    column(
      'lr_scale',
      groups.map(({ lrScale = 1 }) => lrScale),
      wanted.map(group => group.lr_scale),
    ),
    column(
      'weight_decay',
      groups.map(({ weightDecay }) => weightDecay),
      wanted.map(group => group.weight_decay),
    ),
    ...groups.map((group, i) => {
      const [ours, theirs] = [new Set(group.parameters.keys()), new Set(wanted[i]?.params)]
      const strays = [...ours, ...theirs].filter(entry => ours.has(entry) !== theirs.has(entry))
      return { ...compareExact(`${at}.${i}.params`, [strays.length], [0]), note: strays.join(', ') }
    }),
  ]
}

/** A Segmenter of as many blocks as the names tell; its widths do not matter. */
function networkLike(names: readonly string[]): Segmenter {
  const depth = (part: string): number =>
    1 +
    Math.max(...names.map(name => Number(new RegExp(`^${part}\\.blocks\\.(\\d+)\\.`).exec(name)?.[1] ?? -1)))
  const size = { embedDim: 4, heads: 1, mlpRatio: 1, patchSize: 2, imageSize: 4, dropPath: 0 }
  return new Segmenter({
    ...size,
    labels: 2,
    depth: depth('encoder'),
    headClasses: 2,
    decoder: { depth: depth('decoder') },
  })
}
