/** @file The CAMs of a golden file as saved, and with one argument changed; for every method. */
import { z } from 'zod'
import { multiScaleCams } from '../../../src/methods/multi-scale.ts'
import type { Tensor } from '../../../src/torch/index.ts'
import type { viewsConfig } from './views.ts'

/** Settings of a file's maps. */
export const mapsConfig = z.object({
  weights_file: z.string().optional(),
  attention_type: z.enum(['fused', 'patchcam', 'mct']),
  patch_attn_refine: z.boolean(),
  minmax_eps: z.literal(1e-8),
})
type Config = z.infer<typeof mapsConfig> & Pick<z.infer<typeof viewsConfig>, 'positive_classes'>

interface MapOptions {
  readonly attention: Config['attention_type']
  readonly refine: boolean
}

/** `eval.cam*.CLASS`: maps over all views; `classMaps` makes those of one. */
export function finalMaps(
  views: readonly Tensor[],
  { attention_type: attention, patch_attn_refine: refine, positive_classes: classes }: Config,
  classMaps: (images: Tensor, options: MapOptions) => Tensor,
): Map<string, Tensor> {
  const variants: Readonly<Record<string, MapOptions>> = {
    cam: { attention, refine },
    cam_norefine: { attention, refine: false },
    cam_patchcam: { attention: 'patchcam', refine },
    cam_mct: { attention: 'mct', refine },
  }
  return new Map(
    Object.entries(variants).flatMap(([name, options]) => {
      const maps = multiScaleCams(images => classMaps(images, options), views, { classes })
      return classes.map((index, i): [string, Tensor] => [`eval.${name}.${index}`, maps.select(0, i)])
    }),
  )
}
