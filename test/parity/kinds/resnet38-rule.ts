/** @file ResNet38's weights are too many to store: golden files give the rule that they follow (`shared/fixtures/README.md`). */
import { z } from 'zod'
import type { Module } from '../../../src/nn/index.ts'
import { fromData, noGrad, ops, scope } from '../../../src/torch/index.ts'

/** The part of a file's settings that the rule is in. */
export const weightRule = z.object({
  rule: z.enum(['hash', 'sin']),
  rule_seed: z.int().optional(),
  phase: z.number().optional(),
  /** By the beginning of the name; the first that fits counts. */
  gains: z.record(z.string(), z.number()),
  bn_eps: z.literal(1e-5),
})
export type WeightRule = z.infer<typeof weightRule>

/** Overwrites every parameter and buffer of the network. */
export function fillByRule(network: Module, rule: WeightRule): void {
  noGrad(() => {
    for (const [name, target] of network.stateDict())
      scope(() => {
        const { shape } = target
        if (name.endsWith('num_batches_tracked')) return void ops.zero_(target)
        const values = weightsByRule(name, { shape, rule })
        const data = { dtype: 'float32', shape, data: new Uint8Array(values.buffer) } as const
        ops.copy_(target, fromData(data))
      })
  })
}

/** The values of one parameter or buffer, or its `first` elements. */
export function weightsByRule(
  name: string,
  { shape, rule, first }: { shape: readonly number[]; rule: WeightRule; first?: number },
): Float32Array {
  const length = Math.min(
    shape.reduce((product, extent) => product * extent, 1),
    first ?? Number.POSITIVE_INFINITY,
  )
  const unit = rule.rule === 'hash' ? hashed(name, rule.rule_seed ?? 0) : waved(name, rule.phase ?? 0)
  const [base, factor] = rangeOf(name, shape, rule)
  const values = new Float32Array(length)
  for (let k = 0; k < length; k++) values[k] = base + factor * unit(k)
  return values
}

/** Values are base + factor * u. */
function rangeOf(
  name: string,
  shape: readonly number[],
  { rule, gains }: WeightRule,
): [base: number, factor: number] {
  if (name.endsWith('running_mean')) return [0, 0.05]
  if (name.endsWith('running_var')) return [1, 0.1]
  if (name.endsWith('.bias')) return [0, 0.1]
  if (shape.length === 1) return [1, 0.1]
  const fanIn = shape.slice(1).reduce((product, extent) => product * extent, 1)
  const gain = Object.entries(gains).find(([prefix]) => name.startsWith(prefix))?.[1]
  if (gain === undefined) throw new Error(`no gain in the file for ${name}`)
  const factor = gain * Math.sqrt(2 / fanIn)
  return [0, rule === 'hash' ? factor * Math.sqrt(3) : factor]
}

/** FNV-1a of the name, mixed with the index. */
function hashed(name: string, seed: number): (k: number) => number {
  let start = 0x811c9dc5
  for (const byte of Buffer.from(name)) start = Math.imul(start ^ byte, 0x01000193) >>> 0
  start = (start ^ seed) >>> 0
  return k => {
    let x = (k + start) >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0
    x = (x ^ (x >>> 16)) >>> 0
    return x / 2147483648 - 1
  }
}

function waved(name: string, phase: number): (k: number) => number {
  const sum = Buffer.from(name).reduce((total, byte) => total + byte, 0) % 1000
  return k => Math.sin(0.37 * k + (0.11 * sum + phase))
}
