/** @file Validation against image tags: mAP, class-wise and as the authors compute it. */
import type { BatchSource } from '../data/batch-loader.ts'
import type { Batch } from '../data/loader.ts'
import { meanAveragePrecision } from '../evaluate/average-precision.ts'
import type { Method } from '../methods/method.ts'
import { autocast, noGrad, type Precision, scope, tensor } from '../torch/index.ts'

/** Results of a validation: means in percent, and the name of the one that chooses the best weights. */
export interface Validation {
  readonly means: Readonly<Record<string, number>>
  readonly decisive: string
}

/** Runs the network over all batches of the loader in eval mode; both means in percent. */
export async function validate(
  method: Pick<Method, 'network' | 'logits'>,
  loader: Pick<BatchSource<Batch>, 'epoch'>,
  { numClasses, device, precision }: { numClasses: number; device: string; precision: Precision },
): Promise<Validation> {
  const scores: Float32Array[] = []
  const targets: Float32Array[] = []
  method.network.eval()
  try {
    for await (const { images, targets: wanted, size } of loader.epoch(0)) {
      const side = Math.sqrt(images.length / size / 3)
      scores.push(
        noGrad(() =>
          scope(() => {
            const input = tensor(images, [size, 3, side, side]).to({ device })
            return autocast({ precision, device }, () => method.logits(input)).toFloat32Array()
          }),
        ),
      )
      targets.push(wanted)
    }
  } finally {
    method.network.train()
  }
  const means = meanAveragePrecision({
    scores: joined(scores),
    targets: joined(targets),
    classes: numClasses,
  })
  return {
    means: { 'mAP class-wise': 100 * means['mAP class-wise'], 'mAP per image': 100 * means['mAP per image'] },
    decisive: 'mAP class-wise',
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
