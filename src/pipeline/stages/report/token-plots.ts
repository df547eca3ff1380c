/** @file Class tokens of every layer in two dimensions. Imports no torch. */
import { PCA, TSNE } from '@saehrimnir/druidjs'
import { InputError } from '../../../errors.ts'
import { silhouette } from '../../../evaluate/index.ts'
import { readSafetensors } from '../../../io/safetensors.ts'
import { toFloat32Array } from '../../../io/tensor-data.ts'
import type { Point, TokenPlots } from '../../report/index.ts'

const STEPS = 300 // of t-SNE; the plots of 200 tokens no longer change
const PERPLEXITY = 30
const SEED = 1

/** Of class-tokens.safetensors; undefined for tokens of fewer than two classes, or too few for a neighbourhood. */
export async function readTokenPlots(path: string): Promise<TokenPlots | undefined> {
  const { tensors, metadata } = await readSafetensors(path)
  const tokens = tensors.get('tokens')
  const classes = parseClasses(metadata.classes)
  const [count, layers, width] = tokens?.shape ?? []
  if (
    tokens === undefined ||
    !count ||
    !layers ||
    !width ||
    tokens.shape.length !== 3 ||
    classes?.length !== count
  )
    throw new InputError(path, 'holds no class tokens', { expected: 'run the stage maps again' })
  if (count < 8 || new Set(classes).size < 2) return undefined
  const values = toFloat32Array(tokens)
  const pointsOf = (layer: number): number[][] =>
    Array.from({ length: count }, (_, i) => {
      const start = (i * layers + layer) * width
      return Array.from(values.subarray(start, start + width))
    })
  return {
    classes,
    layers: Array.from({ length: layers }, (_, layer) => {
      const points = pointsOf(layer)
      const perplexity = Math.min(PERPLEXITY, Math.floor((count - 1) / 3))
      return {
        silhouette: silhouette(points, classes)!,
        pca: inPlane(new PCA(points, { d: 2, seed: SEED }).transform()),
        tsne: inPlane(new TSNE(points, { d: 2, perplexity, seed: SEED }).transform(STEPS)),
      }
    }),
  }
}

function inPlane(points: readonly (readonly number[])[]): Point[] {
  return points.map(([x, y]) => [x!, y!])
}

function parseClasses(text: string | undefined): number[] | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return Array.isArray(value) && value.every(Number.isInteger) ? value : undefined
  } catch {
    return undefined
  }
}
