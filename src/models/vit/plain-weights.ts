/** @file Weights of relatives of DeiT as DeiT's own: the same function, with what they have besides folded into its layers. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { fromData, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Shapes } from '../recognised.ts'
import { kindsOf, unwrapNames } from '../weight-names.ts'
import { fromAugreg, isAugreg } from './augreg.ts'
import { vitFaults } from './faults.ts'
import { LAYER_SCALE } from './folded-shapes.ts'
import { refuseForeign, refuseGaps } from './foreign-weights.ts'
import { fromHuggingFace } from './hugging-face.ts'

export interface PlainWeights {
  readonly weights: ReadonlyMap<string, TensorData>
  /** The changes, in words. */
  readonly folded: readonly string[]
}

type Weights = Map<string, TensorData>

/** Under DeiT's names, without wrappers' prefixes. Throws InputError where the file holds several networks. */
export function unwrapVit(given: ReadonlyMap<string, TensorData>, { file }: { file: string }): PlainWeights {
  const named = isAugreg(given) ? fromAugreg(given, { file }) : fromHuggingFace(given)
  const { weights, prefix, others } = unwrapNames(named, { anchor: 'patch_embed.proj.weight', file })
  return {
    weights,
    folded: [
      ...(named === given ? [] : [isAugreg(given) ? "augreg's arrays" : "Hugging Face's names"]),
      ...(prefix === '' ? [] : [`names without ${prefix}`]),
      ...(others.length === 0 ? [] : [`left out: ${others.map(other => `${other}*`).join(', ')}`]),
    ],
  }
}

/**
 * Unwrapped weights as DeiT's: LayerScale folded into the layers before it, q, k and v concatenated, absent biases as
 * zeros. Throws InputError for networks that compute something else.
 */
export function plainWeights(
  unwrapped: PlainWeights,
  { own, file }: { own: Shapes; file: string },
): PlainWeights {
  const plain = new Map(unwrapped.weights)
  const folded = [...unwrapped.folded, ...joinProjections(plain, file), ...foldLayerScale(plain)]
  const zeros = new Map(plain)
  zeroBiases(zeros, own)
  const faults = vitFaults(zeros, own)
  refuseForeign(plain.keys(), { own, file, folded, faults })
  folded.push(...zeroBiases(plain, own))
  refuseGaps(faults, { file })
  return { weights: plain, folded }
}

/** x + gamma * (W x + b) is x + (gamma W) x + gamma b: LayerScale of DINOv2, CaiT and BEiT. */
function foldLayerScale(weights: Weights): string[] {
  const done: [string[], string[]] = [[], []]
  for (const name of [...weights.keys()]) {
    const match = LAYER_SCALE.exec(name)
    const [, block, half] = match ?? []
    const target = half === '1' ? `${block}.attn.proj` : `${block}.mlp.fc2`
    const rows = weights.get(`${target}.weight`)?.shape[0]
    const gamma = weights.get(name)!
    if (match === null || rows === undefined || gamma.shape.at(-1) !== rows || gamma.shape.length !== 1)
      continue
    replace(weights, `${target}.weight`, matrix => matrix.mul(float(gamma).reshape(-1, 1)))
    if (weights.has(`${target}.bias`)) replace(weights, `${target}.bias`, bias => bias.mul(float(gamma)))
    weights.delete(name)
    done[half === '1' ? 0 : 1].push(name)
  }
  return ['attn.proj', 'mlp.fc2'].flatMap((target, i) => {
    const names = done[i as 0 | 1]
    return names.length === 0 ? [] : [`${kindsOf(names)} folded into ${target}`]
  })
}

const PARTS = ['q', 'k', 'v'] as const

/** Separate projections, and separate biases (q_bias and v_bias; a key has none), become qkv. */
function joinProjections(weights: Weights, file: string): string[] {
  const joined: string[] = []
  for (const attention of attentions(weights)) {
    const qkv = `${attention}.qkv`
    const apart = PARTS.map(part =>
      [`${attention}.${part}`, `${attention}.${part}_proj`, `${attention}.to_${part}`].find(name =>
        weights.has(`${name}.weight`),
      ),
    )
    const whole = apart.every(name => name !== undefined)
    if (whole && !weights.has(`${qkv}.weight`)) {
      joined.push(
        ...join(
          weights,
          `${qkv}.weight`,
          apart.map(name => `${name}.weight`),
        ),
      )
    }
    const width = weights.get(`${qkv}.weight`)?.shape[0]
    if (width === undefined || width % 3 !== 0 || weights.has(`${qkv}.bias`)) continue
    const biases = PARTS.map((part, i) =>
      [`${attention}.${part}_bias`, ...(whole ? [`${apart[i]}.bias`] : [])].find(name => weights.has(name)),
    )
    const fits = biases.every(
      name => name === undefined || weights.get(name)!.shape.join() === `${width / 3}`,
    )
    const [q, , v] = biases
    if (fits && (q === undefined) !== (v === undefined))
      throw new InputError(file, `has ${q ?? v} but no bias of ${q === undefined ? 'q' : 'v'}`, {
        field: `${attention}.${q === undefined ? 'q' : 'v'}_bias`,
        expected: 'a complete file, with both or neither',
      })
    if (fits && biases.some(name => name !== undefined))
      joined.push(...join(weights, `${qkv}.bias`, biases, { length: width / 3 }))
  }
  return joined.length === 0 ? [] : [`${kindsOf(joined)} joined to attn.qkv`]
}

function attentions(weights: ReadonlyMap<string, unknown>): Set<string> {
  return new Set([...weights.keys()].flatMap(name => /^blocks\.\d+\.attn(?=\.)/.exec(name)?.[0] ?? []))
}

/** Concatenates tensors along their rows, zeros for missing ones; returns the names that were used. */
function join(
  weights: Weights,
  to: string,
  names: readonly (string | undefined)[],
  { length = 0 }: { length?: number } = {},
): string[] {
  const parts = (): Tensor[] =>
    names.map(name => (name === undefined ? ops.zeros([length]) : float(weights.get(name)!)))
  weights.set(
    to,
    scope(() => ops.cat(parts()).toData()),
  )
  const there = names.filter(name => name !== undefined)
  for (const name of there) weights.delete(name)
  return there
}

/** A layer without a bias is one with zeros. */
function zeroBiases(weights: Weights, own: ReadonlyMap<string, unknown>): string[] {
  const zeros: string[] = []
  for (const name of own.keys()) {
    const rows = weights.get(name.replace(/bias$/, 'weight'))?.shape[0]
    if (!/^(blocks|patch_embed)\..*\.bias$/.test(name) || weights.has(name) || rows === undefined) continue
    weights.set(name, { dtype: 'float32', shape: [rows], data: new Uint8Array(4 * rows) })
    zeros.push(name)
  }
  return zeros.length === 0 ? [] : [`${kindsOf(zeros)} zero, as the file has no such bias`]
}

function replace(weights: Weights, name: string, change: (tensor: Tensor) => Tensor): void {
  weights.set(
    name,
    scope(() =>
      change(float(weights.get(name)!))
        .contiguous()
        .toData(),
    ),
  )
}

function float(data: TensorData): Tensor {
  return fromData(data).to({ dtype: 'float32' })
}
