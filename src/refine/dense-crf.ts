/** @file Fully connected CRF (Krähenbühl and Koltun 2011), pydensecrf's result, on the addon's own threads. Torch-free. */
import { InputError } from '../errors.ts'
import type { RgbImage } from '../io/image.ts'
import type { LabelMap } from '../io/indexed-png.ts'
import { addonThreads, type CrfRequest, namedError, pixelsAddon } from '../io/pixels-addon.ts'
import { timed } from '../io/profile.ts'
import { refuseLargeCrf } from './crf-memory.ts'
import { type BilateralTerm, CAM_CRF, type CrfParameters, type GaussianTerm } from './crf-parameters.ts'
import type { Unary } from './crf-unary.ts'
import { enlargedBestLabels } from './enlarge-labels.ts'

/** One image and its unary; the parameters default to CAM_CRF. */
export interface CrfImage extends Partial<CrfParameters> {
  readonly image: RgbImage
  readonly unary: Unary
  /** Name of the image in messages: its file or id. */
  readonly name?: string
}

export interface CrfThreads {
  /** Threads; default: TAGMASK_THREADS or the number of processors. The result does not depend on it. */
  readonly threads?: number
}

/**
 * Label probabilities [labels, height, width] after mean-field steps from softmax(-unary), symmetric normalisation.
 * The arrays are copied before it returns. Rejects with InputError naming the field.
 */
export async function denseCrf(sample: CrfImage & CrfThreads): Promise<Float32Array> {
  const name = sample.name ?? 'dense CRF'
  const request = crfRequest(sample, addonThreads(sample.threads, name), name)
  try {
    return await timed('dense CRF', () => pixelsAddon().denseCrf(request))
  } catch (cause) {
    throw namedError(cause, name)
  }
}

/** denseCrf of many images, `threads` of them at a time; the results are in the images' order. */
export async function denseCrfBatch(
  samples: readonly CrfImage[],
  { threads }: CrfThreads = {},
): Promise<Float32Array[]> {
  const total = addonThreads(threads, 'dense CRF')
  const workers = Math.min(total, samples.length)
  const results: Float32Array[] = new Array(samples.length)
  let next = 0
  const work = async (): Promise<void> => {
    for (let i = next++; i < samples.length; i = next++) {
      results[i] = await denseCrf({ ...samples[i]!, threads: Math.floor(total / workers) })
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return results
}

/** The most probable label of every pixel, the lowest where several are. At most 256 labels. */
export function mostProbableLabels(
  probabilities: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
): LabelMap {
  const pixels = width * height
  const labels = labelCount(probabilities, pixels, 'probabilities', 'mostProbableLabels')
  if (labels > 256)
    throw new InputError('mostProbableLabels', `${labels} labels`, { expected: 'expected at most 256' })
  const data = new Uint8Array(pixels)
  const best = probabilities.slice(0, pixels)
  for (let label = 1; label < labels; label++) {
    const offset = label * pixels
    for (let p = 0; p < pixels; p++) {
      if (probabilities[offset + p]! > best[p]!) {
        best[p] = probabilities[offset + p]!
        data[p] = label
      }
    }
  }
  return { width, height, data }
}

/** The same at `size`, resized bilinearly if that is not the size of the probabilities. */
export function bestLabelsAt(
  probabilities: Float32Array,
  from: { readonly width: number; readonly height: number },
  size: { readonly width: number; readonly height: number } = from,
): LabelMap {
  if (from.width === size.width && from.height === size.height) return mostProbableLabels(probabilities, from)
  labelCount(probabilities, from.width * from.height, 'probabilities', 'bestLabelsAt')
  return enlargedBestLabels(probabilities, from, { width: size.width, height: size.height })
}

function crfRequest(sample: CrfImage, threads: number, name: string): CrfRequest {
  const {
    image: { width, height, data },
    iterations = CAM_CRF.iterations,
    gaussian = CAM_CRF.gaussian,
    bilateral = CAM_CRF.bilateral,
    unary,
  } = sample
  const pixels = width * height
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new InputError(name, `the image is ${width} x ${height}`, { field: 'image' })
  }
  if (!(data instanceof Uint8Array) || data.length !== pixels * 3) {
    throw new InputError(name, `the image has ${data?.length} bytes`, {
      field: 'image.data',
      expected: `expected a Uint8Array of ${pixels * 3} for ${width} x ${height} RGB`,
    })
  }
  if (!Number.isInteger(iterations) || iterations < 0 || iterations > 2 ** 20) {
    throw new InputError(name, `is ${iterations}`, {
      field: 'iterations',
      expected: 'expected an integer of at least 0',
    })
  }
  const energies = unaryRequest(unary, pixels, name)
  refuseLargeCrf({ width, height, labels: energies.labels, name })
  return {
    width,
    height,
    image: data,
    iterations,
    threads,
    ...energies,
    ...(gaussian && { gaussian: Float64Array.of(...gaussianNumbers(gaussian, 'gaussian', name)) }),
    ...(bilateral && { bilateral: Float64Array.of(...bilateralNumbers(bilateral, name)) }),
  }
}

type UnaryRequest = Pick<
  CrfRequest,
  'labels' | 'energies' | 'scores' | 'clip' | 'scale' | 'labelMap' | 'gtProb'
>

function unaryRequest(unary: Unary, pixels: number, name: string): UnaryRequest {
  if (unary instanceof Float32Array)
    return { labels: labelCount(unary, pixels, 'unary', name), energies: unary }
  if (unary?.kind === 'scores') {
    const { scores, clip, scale } = unary
    return {
      labels: labelCount(scores, pixels, 'unary.scores', name),
      scores,
      ...(clip !== undefined && { clip }),
      ...(scale !== undefined && { scale }),
    }
  }
  if (unary?.kind !== 'labels') {
    const expected = 'expected a Float32Array of energies, unaryFromScores or unaryFromLabels'
    throw new InputError(name, 'is none', { field: 'unary', expected })
  }
  const { labelMap, labels, gtProb } = unary
  if (labelMap.length !== pixels) {
    throw new InputError(name, `the label map has ${labelMap.length} pixels`, {
      field: 'unary.labelMap',
      expected: `expected the image's ${pixels}`,
    })
  }
  return { labels, labelMap, gtProb }
}

function labelCount(planes: Float32Array, pixels: number, field: string, name: string): number {
  const labels = planes.length / pixels
  if (Number.isInteger(labels) && labels > 0) return labels
  throw new InputError(name, `has ${planes.length} values`, {
    field,
    expected: `expected a multiple of the image's ${pixels} pixels`,
  })
}

function gaussianNumbers({ sxy, compat }: GaussianTerm, field: string, name: string): number[] {
  const [sx, sy] = typeof sxy === 'number' ? [sxy, sxy] : sxy
  checkDeviations([sx, sy], `${field}.sxy`, name)
  if (!Number.isFinite(compat))
    throw new InputError(name, `is ${compat}`, { field: `${field}.compat`, expected: 'expected a number' })
  return [sx, sy, compat]
}

function bilateralNumbers(term: BilateralTerm, name: string): number[] {
  const [sx, sy, compat] = gaussianNumbers(term, 'bilateral', name) as [number, number, number]
  const rgb = typeof term.srgb === 'number' ? [term.srgb, term.srgb, term.srgb] : term.srgb
  checkDeviations(rgb, 'bilateral.srgb', name)
  return [sx, sy, ...rgb, compat]
}

function checkDeviations(values: readonly number[], field: string, name: string): void {
  for (const value of values) {
    if (Number.isFinite(value) && value > 0) continue
    throw new InputError(name, `is ${value}`, { field, expected: 'expected a positive number' })
  }
}

/** The given threads, as `threads` of a recipe; else TAGMASK_THREADS, or the number of processors. */
export function crfThreads(given: number | null = null): number {
  return addonThreads(given ?? undefined, 'dense CRF')
}
