/** @file affinity/labels/ID.safetensors: an image's CAMs through the dense CRF with two background scores, for AffinityNet's labels. */
import { InputError } from '../errors.ts'
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts'
import { type TensorData, toFloat32Array } from '../io/tensor-data.ts'

/** Scores by label, background first, then the classes present in ascending order: each volume [channels, height, width]. */
export interface ScoreVolumes {
  readonly width: number
  readonly height: number
  readonly channels: number
  /** Scores of the low exponent: possible foreground. */
  readonly low: Float32Array
  /** Scores of the high exponent: certain background. */
  readonly high: Float32Array
  /** Size of the image, when the scores are smaller. */
  readonly of?: { readonly width: number; readonly height: number }
}

/**
 * Writes both volumes [channels, height, width] and the classes of the channels, atomically; `of` is the size of the
 * image, when theirs differs.
 */
export async function writeScoreVolumes(
  path: string,
  {
    low,
    high,
    classes,
    of,
  }: { low: TensorData; high: TensorData; classes: readonly number[] } & Pick<ScoreVolumes, 'of'>,
): Promise<void> {
  const [, height, width] = low.shape
  const reduced = of !== undefined && (of.width !== width || of.height !== height)
  await writeSafetensors(
    path,
    new Map([
      ['low', low],
      ['high', high],
    ]),
    {
      classes: JSON.stringify(classes),
      ...(reduced && { of: JSON.stringify([of.width, of.height]) }),
    },
  )
}

/** Reads both volumes as float32. Throws InputError when the file is missing, cut short, or of another kind. */
export async function readScoreVolumes(path: string): Promise<ScoreVolumes> {
  const { tensors, metadata } = await readSafetensors(path)
  const [low, high] = [tensors.get('low'), tensors.get('high')]
  const [channels, height, width] = low?.shape ?? []
  if (
    low === undefined ||
    high === undefined ||
    channels === undefined ||
    height === undefined ||
    width === undefined ||
    low.shape.length > 3 ||
    !low.dtype.startsWith('float') ||
    !high.dtype.startsWith('float') ||
    low.shape.join() !== high.shape.join()
  ) {
    throw new InputError(path, 'holds no label scores', {
      expected: 'two tensors low and high of one shape [channels, height, width]; delete it and run again',
    })
  }
  const of = /^\[(\d+),(\d+)\]$/.exec(metadata.of ?? '')
  return {
    width,
    height,
    channels,
    low: toFloat32Array(low),
    high: toFloat32Array(high),
    ...(of !== null && { of: { width: Number(of[1]), height: Number(of[2]) } }),
  }
}
