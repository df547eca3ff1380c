/** @file Parity of SemFormer's CAMs with inference_semformer.py: inputs at each scale, maps of each view, both resolutions, every merge. */
import { z } from 'zod'
import { fittedViews } from '../../../src/data/transforms/views.ts'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import {
  lookAt,
  mergeMaps,
  type SemformerCamOptions,
  semformerCams,
  semformerMaps,
  viewMaps,
} from '../../../src/methods/semformer/maps.ts'
import type { Semformer } from '../../../src/methods/semformer/model.ts'
import { noGrad, ops, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { allowRounding } from '../rounding.ts'
import { createSemformer, isSemformer, segmentorConfig } from './semformer-network.ts'

export const semformerInfer: Kind = {
  name: 'SemFormer CAMs',
  matches: content => isSemformer(content, 'inference_semformer.py'),
  check: fixture => allowRounding(fixture, check(fixture)),
}

const config = segmentorConfig.extend({
  sizes: z.array(z.tuple([z.int(), z.int()])),
  cra_layers: z.int().positive(),
  scales: z.string(),
  patch_size: z.int().positive(),
  min_max_eps: z.literal(1e-5),
  norm_eps: z.literal(1e-5),
  strides: z.tuple([z.int(), z.literal(16)]),
})
type Config = z.infer<typeof config>

function check(fixture: Fixture): Comparison[] {
  const settings = parseConfig(fixture, config)
  const network = createSemformer(fixture, settings).eval()
  try {
    return scope(() =>
      noGrad(() => settings.sizes.flatMap((_, image) => checkImage(fixture, network, { settings, image }))),
    )
  } finally {
    network.dispose()
  }
}

function checkImage(
  fixture: Fixture,
  network: Semformer,
  { settings, image }: { settings: Config; image: number },
): Comparison[] {
  const { data, shape } = tensorOf(fixture, `in.${image}.image`)
  const [height, width] = shape as [number, number, number]
  const scales = settings.scales.split(',').map(Number)
  const options = { scales, unit: settings.patch_size, rounding: 'up' as const }
  const fitted = fittedViews({ width, height, data }, { ...options, fit: 1, longestSide: 1024 })
  const views = fitted.map(view => tensor(view.data, [1, 3, view.height, view.width]))
  const classes = [...toFloat64Array(tensorOf(fixture, `in.${image}.label`))].flatMap((on, i) =>
    on > 0 ? [i] : [],
  )
  const outputs = new Map<string, Tensor>()
  const layers = settings.cra_layers
  for (const [k, view] of views.entries()) {
    const both = ops.cat([view, view.flip(-1)])
    const maps = semformerMaps(network, both, { layers })
    outputs.set(`in.${image}.s${k}.images`, both)
    outputs.set(`eval.${image}.s${k}.features`, maps)
    outputs.set(`eval.${image}.s${k}.cra`, lookAt(network, both, { layers }).attended)
  }
  const shown = { views, classes, size: [height, width] }
  const strided = shown.size.map(side => Math.ceil(side / settings.strides[0]))
  const at = (merged: SemformerCamOptions): Tensor =>
    mergeMaps(viewMaps(network, [shown], { layers, ...merged })[0]!, { size: strided, ...merged })
  for (const merge of ['sum', 'mean', 'max'] as const) {
    outputs.set(`eval.${image}.${merge}.cam`, at({ merge }))
    outputs.set(`eval.${image}.${merge}.hr_cam`, semformerCams(network, [shown], { layers, merge })[0]!)
  }
  outputs.set(`eval.${image}.nocra.cam`, at({ relevance: false }))
  const keys = toFloat64Array(tensorOf(fixture, `out.${image}.keys`))
  return [
    ...compareOutputs(fixture, outputs),
    compareExact(`out.${image}.keys`, [0, ...classes.map(index => index + 1)], keys),
  ]
}
