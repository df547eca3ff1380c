/** @file Autograd: grad mode, backward, and functions with a hand-written derivative. */
import { TorchError } from '../errors.ts'
import { native } from './native.ts'
import { typed } from './operator.ts'
import { keep, scope } from './scope.ts'
import { Tensor } from './tensor.ts'

/** Whether operators are being recorded for backward. */
export function isRecording(): boolean {
  return native.gradMode()
}

/** Runs `body` without recording; nests. */
export function noGrad<T>(body: () => T): T {
  const before = native.setGradMode(false)
  try {
    return body()
  } finally {
    native.setGradMode(before)
  }
}

/** Adds d(loss)/d(leaf) to the gradient of every leaf. `loss` has one element. */
export function backward(loss: Tensor, { keepGraph = false } = {}): void {
  typed('backward', () => native.backward([loss.handle], undefined, keepGraph))
}

/** As `backward`, off the main thread. Not for graphs with a `differentiable` function, which need the main thread. */
export async function backwardAsync(loss: Tensor, { keepGraph = false } = {}): Promise<void> {
  try {
    await native.backwardAsync([loss.handle], keepGraph)
  } catch (error) {
    throw new TorchError('backward', error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** Results of a function with a hand-written derivative: its outputs, and the tensors saved for backward. */
export interface Forward {
  readonly outputs: readonly Tensor[]
  readonly saved: readonly Tensor[]
}

/**
 * A function of tensors with a hand-written derivative, as torch.autograd.Function: `forward` runs unrecorded,
 * `derivative` gets d/d(output) for each output (undefined where none flows) and the saved tensors, and returns
 * d/d(input) for each input. CPU only: the derivative runs in JavaScript during backward().
 */
export function differentiable(
  label: string,
  inputs: readonly Tensor[],
  forward: () => Forward,
  derivative: (
    gradients: readonly (Tensor | undefined)[],
    saved: readonly Tensor[],
  ) => readonly (Tensor | undefined)[],
): readonly Tensor[] {
  return scope(() => {
    const { outputs, saved } = noGrad(forward)
    native.defineFunction(
      label,
      inputs.map(input => input.handle),
      outputs.map(output => output.handle),
      saved.map(entry => entry.handle),
      (gradients, kept) => derived(gradients, kept, derivative),
    )
    return outputs
  })
}

type Derivative = Parameters<typeof differentiable>[3]
type NativeDerivative = Parameters<typeof native.defineFunction>[4]

// The results leave every scope as bare handles: the native side owns and disposes them.
function derived(
  gradients: Parameters<NativeDerivative>[0],
  kept: Parameters<NativeDerivative>[1],
  derivative: Derivative,
) {
  const results = scope(() =>
    derivative(
      gradients.map(handle => (handle === undefined ? undefined : new Tensor(handle))),
      kept.map(handle => new Tensor(handle)),
    ),
  )
  return results.map(result => (result === undefined ? undefined : keep(result).handle))
}
