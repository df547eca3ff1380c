/** @file Derivatives by hand held against those of autograd. */
import { expect } from 'vitest'
import { autocast, backward, manualSeed, type Precision, type Tensor, tensor } from '../src/torch/index.ts'

/** Length of a - b over the length of b. */
export function relative(a: Tensor, b: Tensor): number {
  const [got, want] = [a.toFloat32Array(), b.toFloat32Array()]
  expect(a.shape).toEqual(b.shape)
  return Math.hypot(...got.map((value, i) => value - want[i]!)) / Math.hypot(...want)
}

/** Below it a gradient is what rounding leaves of zero. */
const NOTHING = 1e-5

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
  for (const [name, want] of truth) {
    if (want.abs().max().item() < NOTHING) continue
    expect(relative(lean.get(name)!, want), name).toBeLessThan(1e-5)
    const [off, allowed] = [leanBf16, plainBf16].map(run => relative(run.get(name)!, want)) as [
      number,
      number,
    ]
    expect(off, `${name} in bf16`).toBeLessThan(1.5 * allowed + 0.01)
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
