/** @file Parity of MCTformer's CAMs: views, every pass, final maps with their variants, and the CRF of them. */
import { z } from 'zod'
import { denormalise } from '../../../src/data/transforms/normalise.ts'
import { scaleViews, type View } from '../../../src/data/transforms/views.ts'
import { fromUint8, type TensorData } from '../../../src/io/tensor-data.ts'
import { mctformerCams } from '../../../src/methods/mctformer/maps.ts'
import type { Mctformer } from '../../../src/methods/mctformer/model.ts'
import { applyPatchAffinity } from '../../../src/methods/patch-affinity.ts'
import { noGrad, ops, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { checkCamCrf } from './crf.ts'
import { finalMaps, mapsConfig } from './final-maps.ts'
import { flatMaps } from './mctformer-eval.ts'
import { isMctformer, networkConfig, patchAttention, withNetwork } from './mctformer-network.ts'
import { checkViews, viewsConfig } from './views.ts'

export const mctformerCam: Kind = {
  name: 'MCTformer CAMs',
  matches: content => isMctformer(content) && 'scales' in content.config && content.has('in.image_rgb'),
  check,
}

const camConfig = networkConfig.extend({
  ...viewsConfig.shape,
  ...mapsConfig.shape,
  layer_index: z.int().positive(),
})
type Config = z.infer<typeof camConfig>

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, camConfig)
  const { shape, data } = tensorOf(fixture, 'in.image_rgb')
  const [height = 0, width = 0] = shape
  const views = scaleViews({ width, height, data }, { scales: config.scales, normalisation: config })
  const comparisons = checkViews(fixture, views, config)
  const finals = await withNetwork(config, await weightsOf(fixture, config.weights_file), options, network =>
    noGrad(() =>
      scope(() => {
        const images = views.map(view => tensor(view.data, [1, 3, view.height, view.width]).to(options))
        comparisons.push(...compareOutputs(fixture, passOutputs(network.eval(), images, config)))
        const maps = finalMaps(
          images,
          config,
          (view, options) => mctformerCams(network, view, { ...options, layers: config.layer_index }).maps,
        )
        comparisons.push(...compareOutputs(fixture, maps))
        return new Map([...maps].map(([name, map]) => [name, map.toData()]))
      }),
    ),
  )
  return [...comparisons, ...(await checkCrf(fixture, views[0]!, { maps: finals, config }))]
}

/** Pass 2i is scale i, pass 2i + 1 its flip. */
function passOutputs(network: Mctformer, views: readonly Tensor[], config: Config): Map<string, Tensor> {
  const { attention_type: attention, layer_index: layers, patch_attn_refine } = config
  const passes = views.flatMap(view => [view, view.flip(-1)])
  const size = views[0]!.shape.slice(-2)
  return new Map(
    passes.flatMap((images, pass): [string, Tensor][] => {
      const { maps, affinity, logits } = mctformerCams(network, images, {
        attention,
        layers,
        refine: false,
        withAffinity: true,
      })
      const refined = applyPatchAffinity(maps, affinity!)
      const full = ops.upsampleBilinear2d(patch_attn_refine ? refined : maps, size, false)
      return [
        [`eval.${pass}.cams`, network.variant === 'v1' ? flatMaps(maps) : maps],
        [`eval.${pass}.patch_attn`, patchAttention(network, images)],
        [`eval.${pass}.refined`, refined],
        [`eval.${pass}.upsampled`, full],
        ['eval.last_logits', logits], // the last pass's stays
      ]
    }),
  )
}

interface CrfInput {
  readonly maps: ReadonlyMap<string, TensorData>
  readonly config: Config
}

/** From our maps and our image, not the file's. */
async function checkCrf(fixture: Fixture, view: View, { maps, config }: CrfInput): Promise<Comparison[]> {
  const want = fixture.tensors.get('eval.crf_image')
  if (want === undefined) return []
  const { height, width, data } = denormalise(view, config)
  const image = fromUint8(data, [height, width, 3])
  const ours = { ...fixture, tensors: new Map([...fixture.tensors, ...maps, ['eval.crf_image', image]]) }
  return [compareExact('eval.crf_image', data, want.data), ...(await checkCamCrf(ours))]
}
