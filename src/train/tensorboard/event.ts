/** @file TensorBoard's events (event.proto, summary.proto of TensorFlow) as bytes, of the time when they are made. */
import { encodeImage, type RgbImage } from '../../io/image.ts'
import type { MetricsRecord } from '../metrics.ts'
import { bytes, double, type Field, float, integer, joined, message, text } from './protobuf.ts'

/** An image under its name; what comes before the first slash groups it. */
export interface NamedImage {
  readonly tag: string
  readonly image: RgbImage
}

/** The first event of a file. */
export function versionEvent(): Uint8Array {
  return event([text(3, 'brain.Event:2')])
}

/** A training (re)started at this step: TensorBoard drops what earlier files have of it and of later ones. */
export function startEvent(step: number): Uint8Array {
  return event([integer(2, step), message(7, [integer(1, 1)])])
}

/** The numbers of a record of the metrics at its step; one that JSON has as null is NaN. */
export function scalarsEvent({ kind, step, ...values }: MetricsRecord): Uint8Array {
  const numbers = Object.entries(values).flatMap(([name, value]) =>
    typeof value === 'string' || (name === 'epoch' && kind !== 'step')
      ? []
      : [message(1, [text(1, tagOf(kind, name)), float(2, value ?? Number.NaN)])],
  )
  return event([integer(2, step), message(5, numbers)])
}

export async function imageEvent(
  { tag, image }: NamedImage,
  { step }: { step: number },
): Promise<Uint8Array> {
  const { width, height } = image
  const [rgb, png] = [3, await encodeImage(image, { format: 'png' })]
  const encoded = message(4, [integer(1, height), integer(2, width), integer(3, rgb), bytes(4, png)])
  return event([integer(2, step), message(5, [message(1, [text(1, tag), encoded])])])
}

function event(fields: readonly Field[]): Uint8Array {
  return joined([double(1, Date.now() / 1000), ...fields])
}

/** "loss/total", "loss/class", "training/lr", "epoch/loss", "validation/mAP class-wise" */
function tagOf(kind: string, name: string): string {
  if (kind !== 'step') return `${kind}/${name}`
  if (name === 'loss') return 'loss/total'
  return name.endsWith(' loss') ? `loss/${name.slice(0, -' loss'.length)}` : `training/${name}`
}
