/** @file Derivatives by hand held against those of autograd. */
import { expect } from 'vitest'
import { autocast, backward, manualSeed, type Precision, type Tensor, tensor } from '../src/torch/index.ts'

/** Length of a - b over the length of b, or over `least` where that is more. */
export function relative(a: Tensor, b: Tensor, least = 0): number {
  const [got, want] = [a.toFloat32Array(), b.toFloat32Array()]
  expect(a.shape).toEqual(b.shape)
  return Math.hypot(...got.map((value, i) => value - want[i]!)) / Math.max(least, Math.hypot(...want))
}

/** Of the longest of output and gradients: a shorter one is what is left of terms that cancel, and rounded as they are. */
const SMALL = 0.1

/**
 * Outputs and gradients of x and of all parameters. In bf16, both are held against autograd in fp32: the derivative by hand must
 * not be further off.
 */
export function sameDerivatives(
  forward: { readonly lean: (x: Tensor) => Tensor; readonly plain: (x: Tensor) => Tensor },
  parameters: ReadonlyMap<string, Tensor>,
  x: Tensor,
): void {
  const run = (way: 'lean' | 'plain', precision: Precision): Map<string, Tensor> =>
    differentiated(x, parameters, input => autocast({ precision }, () => forward[way](input)))
  const [truth, lean, leanBf16, plainBf16] = [
    run('plain', 'fp32'),
    run('lean', 'fp32'),
    run('lean', 'bf16'),
    run('plain', 'bf16'),
  ]
  const longest = Math.max(...[...truth.values()].map(gradient => Math.hypot(...gradient.toFloat32Array())))
  for (const [name, want] of truth) {
    const offOf = (run: ReadonlyMap<string, Tensor>): number =>
      relative(run.get(name)!, want, SMALL * longest)
    expect(offOf(lean), name).toBeLessThan(1e-5)
    const [off, allowed] = [leanBf16, plainBf16].map(offOf) as [number, number]
    const chance = 2 + 2 / Math.sqrt(want.elements) // two lengths of few rounding errors differ by chance
    expect(off, `${name} in bf16`).toBeLessThan(chance * allowed + 0.02)
  }
}

/** For a loss that weighs every output element differently. */
function differentiated(
  x: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
  forward: (x: Tensor) => Tensor,
): Map<string, Tensor> {
  const leaf = x.clone()
  leaf.requiresGrad = true
  for (const parameter of parameters.values()) parameter.grad = undefined
  manualSeed(5)
  const y = forward(leaf)
  const factors = Float32Array.from({ length: y.elements }, (_, i) => Math.sin(i + 1))
  backward(y.mul(tensor(factors, y.shape)).sum())
  const gradients = [...parameters].map(([name, { grad }]) => [name, grad!] as const)
  return new Map([['y', y.detach()], ['x', leaf.grad!], ...gradients])
}
