/** @file The views of an image of CAMs, compared with those of a golden file. */
import { z } from 'zod'
import type { View } from '../../../src/data/transforms/views.ts'
import { toFloat32Array } from '../../../src/io/tensor-data.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type Fixture, tensorOf, tensorsUnder } from '../fixture.ts'

const colour = z.tuple([z.number(), z.number(), z.number()])

/** A file's settings of them. */
export const viewsConfig = z.object({
  scales: z.array(z.number().positive()).min(1),
  positive_classes: z.array(z.int().nonnegative()).min(1),
  mean: colour,
  std: colour,
})

/** `in.scaled.<2i>` are the original's views: ours must be equal, and are used. */
export function checkViews(
  fixture: Fixture,
  views: readonly View[],
  { positive_classes: classes }: Pick<z.infer<typeof viewsConfig>, 'positive_classes'>,
): Comparison[] {
  const labels = toFloat32Array(tensorOf(fixture, 'in.labels'))
  const positive = [...labels.keys()].filter(index => labels[index]! > 0)
  return [
    compareExact('config.positive_classes', positive, classes),
    ...[...tensorsUnder(fixture, 'in.scaled.')].map(([pass, want]) =>
      compareFloat(
        `in.scaled.${pass}`,
        views[Number(pass) / 2]?.data ?? [],
        toFloat32Array(want),
        TOLERANCE.output,
      ),
    ),
  ]
}
