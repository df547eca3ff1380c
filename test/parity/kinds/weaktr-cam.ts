/** @file Parity of WeakTr's CAMs: views, every pass, final maps with their variants. */
import type { z } from 'zod'
import { scaleViews } from '../../../src/data/transforms/views.ts'
import { weaktrCams } from '../../../src/methods/weaktr/maps.ts'
import type { Weaktr } from '../../../src/methods/weaktr/model.ts'
import { noGrad, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { finalMaps, mapsConfig } from './final-maps.ts'
import { checkViews, viewsConfig } from './views.ts'
import { isWeaktr, networkConfig, withNetwork } from './weaktr-network.ts'

export const weaktrCam: Kind = {
  name: 'WeakTr CAMs',
  matches: content => isWeaktr(content) && 'scales' in content.config && content.has('in.image_rgb'),
  check,
}

const camConfig = networkConfig.extend({
  ...viewsConfig.shape,
  ...mapsConfig.shape,
})
type Config = z.infer<typeof camConfig>

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, camConfig)
  const { shape, data } = tensorOf(fixture, 'in.image_rgb')
  const [height = 0, width = 0] = shape
  const views = scaleViews({ width, height, data }, { scales: config.scales, normalisation: config })
  const weights = await weightsOf(fixture, config.weights_file)
  return [
    ...checkViews(fixture, views, config),
    ...withNetwork(config, weights, options, network =>
      noGrad(() =>
        scope(() => {
          const images = views.map(view => tensor(view.data, [1, 3, view.height, view.width]).to(options))
          return [
            ...compareOutputs(fixture, passOutputs(network.eval(), images, config)),
            ...compareOutputs(
              fixture,
              finalMaps(images, config, (view, options) => weaktrCams(network, view, options).maps),
            ),
          ]
        }),
      ),
    ),
  ]
}

/** Pass 2i is scale i, pass 2i + 1 its flip. */
function passOutputs(
  network: Weaktr,
  views: readonly Tensor[],
  { attention_type: attention }: Config,
): Map<string, Tensor> {
  return new Map(
    views
      .flatMap(view => [view, view.flip(-1)])
      .flatMap((images, pass): [string, Tensor][] => {
        const { maps, logits } = weaktrCams(network, images, { attention, refine: false })
        return [
          [`eval.${pass}.cams`, maps],
          [`eval.${pass}.refined`, weaktrCams(network, images, { attention, refine: true }).maps],
          ['eval.last_logits', logits], // the last pass's stays
        ]
      }),
  )
}
