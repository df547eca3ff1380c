/** @file Parity of the dense CRF with pydensecrf as the papers call it (`crf_*` files, `eval.crf_*` of CAM files). */
import { z } from 'zod'
import type { RgbImage } from '../../../src/io/image.ts'
import type { SafetensorsFile } from '../../../src/io/safetensors.ts'
import { type TensorData, toFloat32Array } from '../../../src/io/tensor-data.ts'
import { crfCams } from '../../../src/refine/cam-crf.ts'
import type { CrfParameters } from '../../../src/refine/crf-parameters.ts'
import { type Unary, unaryFromLabels, unaryFromScores } from '../../../src/refine/crf-unary.ts'
import { denseCrf, mostProbableLabels } from '../../../src/refine/dense-crf.ts'
import { type Comparison, compareAbsolute, mismatch } from '../comparison.ts'

const PROBABILITY = 1e-3 // largest absolute difference
const CHANGED = 5e-4 // largest share of pixels whose best label differs

/** A set of pairwise terms as golden files write it. */
export const crfTerms = z.object({
  gauss: z.tuple([z.number(), z.number()]),
  bilateral: z.tuple([z.number(), z.number(), z.number()]),
})
type Terms = z.infer<typeof crfTerms>

const configSchema = z.object({
  labels: z.number().int(),
  iterations: z.number().int(),
  params: z.record(z.string(), crfTerms),
  gt_prob: z.number().optional(),
  zero_unsure: z.boolean().optional(),
})

const camConfigSchema = z.object({ crf: crfTerms.extend({ t: z.number().int() }) })

/** Runs the CRF on the inputs of a `crf_*` file; one comparison for each q and out tensor, one more for q's argmax. */
export async function checkCrf(fixture: SafetensorsFile): Promise<Comparison[]> {
  const config = configSchema.parse(JSON.parse(fixture.metadata.config ?? '{}'))
  const image = rgbImage(tensorOf(fixture, 'in.image_rgb'))
  const comparisons: Comparison[] = []
  for (const [name, want] of fixture.tensors) {
    const [, kind, run] = /^(q|out)\.(.+)$/.exec(name) ?? []
    if (kind === undefined || run === undefined) continue
    const unary = fixtureUnary(fixture, config, run)
    const got = await denseCrf({ image, unary, ...runParameters(config, run) })
    if (kind === 'q') comparisons.push(...compareProbabilities(name, got, toFloat32Array(want), image))
    else comparisons.push(compareLabels(name, mostProbableLabels(got, image).data, want.data))
  }
  return comparisons
}

/** Compares crfCams with the `eval.crf_<alpha>.<key>` of a CAM file, given its `eval.cam.<class>`. */
export async function checkCamCrf(fixture: SafetensorsFile): Promise<Comparison[]> {
  const { crf } = camConfigSchema.parse(JSON.parse(fixture.metadata.config ?? '{}'))
  const image = rgbImage(tensorOf(fixture, 'eval.crf_image'))
  const names = [...fixture.tensors.keys()]
  const cams = new Map(
    names
      .filter(name => /^eval\.cam\.\d+$/.test(name))
      .map(name => [Number(name.slice('eval.cam.'.length)), toFloat32Array(tensorOf(fixture, name))]),
  )
  const alphas = new Set(names.flatMap(name => /^eval\.crf_(\d+(?:\.\d+)?)\.\d+$/.exec(name)?.[1] ?? []))
  const comparisons: Comparison[] = []
  for (const alpha of alphas) {
    const parameters = { iterations: crf.t, ...pairwiseTerms(crf) }
    const maps = await crfCams({ image, cams, alpha: Number(alpha), ...parameters })
    const got: Float32Array[] = []
    const want: Float32Array[] = []
    for (const tensor of names.filter(name => name.startsWith(`eval.crf_${alpha}.`))) {
      const map = maps.get(Number(tensor.slice(tensor.lastIndexOf('.') + 1)))
      if (map === undefined) {
        comparisons.push(mismatch(tensor, 'no such label came out'))
        continue
      }
      got.push(map)
      want.push(toFloat32Array(tensorOf(fixture, tensor)))
      comparisons.push(compareAbsolute(tensor, map, want.at(-1)!, PROBABILITY))
    }
    const best = [got, want].map(planes => mostProbableLabels(joined(planes), image).data)
    comparisons.push(compareLabels(`argmax of eval.crf_${alpha}`, best[0]!, best[1]!))
  }
  return comparisons
}

type Config = z.infer<typeof configSchema>

/** `<run>_unnormalised` feeds 1.7 times the probabilities; a label map stands for probabilities in crf_labels. */
function fixtureUnary(
  fixture: SafetensorsFile,
  { labels, gt_prob, zero_unsure }: Config,
  run: string,
): Unary {
  const probs = fixture.tensors.get('in.probs')
  if (probs === undefined) {
    const map = tensorOf(fixture, 'in.label').data
    return unaryFromLabels(map, { labels, gtProb: gt_prob ?? Number.NaN, zeroUnsure: zero_unsure ?? false })
  }
  const factor = Math.fround(run.includes('_unnormalised') ? 1.7 : 1)
  return unaryFromScores(toFloat32Array(probs).map(p => p * factor))
}

/** A run is named `<params>[_unnormalised][_t<iterations>]`, or `gauss_only` and `bilateral_only` for parts of psa. */
function runParameters({ iterations, params }: Config, run: string): CrfParameters {
  const steps = /_t(\d+)$/.exec(run)?.[1]
  const base = run.replace(/_t\d+$/, '').replace('_unnormalised', '')
  const only = /^(gauss|bilateral)_only$/.exec(base)?.[1]
  const terms = params[base] ?? params[only === undefined ? 'label' : 'psa'] ?? Object.values(params)[0]
  if (terms === undefined) throw new Error(`the fixture has no parameters for ${run}`)
  const { gaussian, bilateral } = pairwiseTerms(terms)
  return {
    iterations: steps === undefined ? iterations : Number(steps),
    gaussian: only === 'bilateral' ? null : gaussian,
    bilateral: only === 'gauss' ? null : bilateral,
  }
}

/** The same as our parameters. */
export function pairwiseTerms({ gauss, bilateral }: Terms): Pick<CrfParameters, 'gaussian' | 'bilateral'> {
  return {
    gaussian: { sxy: gauss[0], compat: gauss[1] },
    bilateral: { sxy: bilateral[0], srgb: bilateral[1], compat: bilateral[2] },
  }
}

/** The arguments of a crf_inference, as AFA's and CTI's files write them. */
export const crfFunction = z.object({
  t: z.int(),
  sxy_g: z.number(),
  compat_g: z.number(),
  sxy_b: z.number(),
  srgb: z.number(),
  compat_b: z.number(),
})

/** The same as our parameters. */
export function crfFunctionParameters({
  t,
  sxy_g,
  compat_g,
  sxy_b,
  srgb,
  compat_b,
}: z.infer<typeof crfFunction>): CrfParameters {
  return {
    iterations: t,
    gaussian: { sxy: sxy_g, compat: compat_g },
    bilateral: { sxy: sxy_b, srgb, compat: compat_b },
  }
}

/** Probabilities [labels, height, width], and which label is the most probable. */
export function compareProbabilities(
  tensor: string,
  got: Float32Array,
  want: Float32Array,
  image: RgbImage,
): Comparison[] {
  const best = [got, want].map(q => mostProbableLabels(q, image).data)
  return [
    compareAbsolute(tensor, got, want, PROBABILITY),
    compareLabels(`argmax of ${tensor}`, best[0]!, best[1]!),
  ]
}

/** Label maps: both errors are the share of pixels that differ. */
export function compareLabels(tensor: string, got: Uint8Array, want: Uint8Array): Comparison {
  const changed = want.reduce((count, label, i) => count + (label === got[i] ? 0 : 1), 0) / want.length
  return {
    tensor,
    maxAbs: changed,
    maxRel: changed,
    tolerance: CHANGED,
    bar: 'absolute',
    ok: changed <= CHANGED,
  }
}

function joined(planes: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(planes.reduce((length, plane) => length + plane.length, 0))
  let offset = 0
  for (const plane of planes) {
    all.set(plane, offset)
    offset += plane.length
  }
  return all
}

function rgbImage({ shape: [height = 0, width = 0], data }: TensorData): RgbImage {
  return { width, height, data }
}

function tensorOf(fixture: SafetensorsFile, name: string): TensorData {
  const found = fixture.tensors.get(name)
  if (found === undefined) throw new Error(`the fixture has no tensor ${name}`)
  return found
}
