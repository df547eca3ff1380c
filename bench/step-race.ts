/** @file A training step beside its authors', in turns: seconds, memory of the processes and their ratios. */
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Losses } from '../src/nn/index.ts'
import type { Optimiser } from '../src/optim/index.ts'
import { precision } from '../src/pipeline/recipe/precision.ts'
import { autocast, backward, ops, type Precision, scope, type Tensor, tensor } from '../src/torch/index.ts'
import { median, startPython } from './python-server.ts'

const ROUNDS = 5

/** Stand-ins for modules that a reference imports and its step does not need. */
const BEFORE = `
import resource, sys, time, types
def module(name, **members):
    made = sys.modules[name] = types.ModuleType(name)
    made.__dict__.update(members)
`

/** Answers each line with "seconds megabytes" of one step. */
const AFTER = `
print('ready', flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    step()
    print(time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
`

/** Images [B, 3, side, side] that are no padding, with tags counted from 0. */
export function taggedCrops(
  tags: readonly (readonly number[])[],
  { side, classes }: { side: number; classes: number },
): {
  images: Tensor
  targets: Tensor
  boxes: { x: number; y: number; width: number; height: number }[]
} {
  const rows = tags.map(own => Array.from({ length: classes }, (_, c) => (own.includes(c) ? 1 : 0)))
  return {
    images: ops.randn([tags.length, 3, side, side]),
    targets: tensor(rows.flat()).reshape(tags.length, classes),
    boxes: tags.map(() => ({ x: 0, y: 0, width: side, height: side })),
  }
}

/** One step of a training: losses, backward, optimiser. */
export function trainingStep(
  losses: () => Losses,
  { optimiser, lr }: { optimiser: Optimiser; lr: number },
): () => void {
  return () =>
    scope(() => {
      const { total } = losses()
      backward(total)
      optimiser.step(lr)
      optimiser.zeroGrad()
      total.item() // waits for a GPU
    })
}

/**
 * `reference` is Python that defines step(), with module(name, **members) at hand; its first argument is the
 * clone of the reference. Without a clone our own step is timed alone. The python is TAGMASK_TORCH_PYTHON, else python3.
 * Ours runs in fp32, and in bf16 too where `precision: auto` means that; the memory is that of both.
 */
export async function raceSteps({
  reference: script,
  clone,
  args,
  step,
}: {
  reference: string
  clone: string | undefined
  args: readonly string[]
  step: () => void
}): Promise<void> {
  const python = process.env.TAGMASK_TORCH_PYTHON ?? 'python3'
  const started = { python, imports: 'torch, numpy', args: [resolve(clone ?? ''), ...args] }
  const reference = clone === undefined ? undefined : await startPython(BEFORE + script + AFTER, started)
  const ours = [...new Set<Precision>(['fp32', precision.parse('auto')])].map(of => ({
    precision: of,
    seconds: [] as number[],
  }))
  const theirs: number[] = []
  let theirPeak = 0
  for (let round = 0; round <= ROUNDS; round++) {
    await setTimeout(500) // our threads spin, too
    const answer = await reference?.ask('step')
    const taken = ours.map(({ precision }) => secondsOf(() => autocast({ precision }, step)))
    if (round === 0) continue // warms all up
    for (const [i, { seconds }] of ours.entries()) seconds.push(taken[i]!)
    if (answer !== undefined) [theirs[round - 1], theirPeak] = answer as [number, number]
  }
  reference?.close()
  const peak = process.resourceUsage().maxRSS / 1024
  if (theirs.length > 0) console.log(`theirs ${median(theirs).toFixed(2)} s, ${theirPeak.toFixed(0)} MB`)
  for (const { precision, seconds } of ours) {
    const faster = median(theirs.map((their, round) => their / seconds[round]!))
    const ratio = theirs.length === 0 ? '' : `: ${faster.toFixed(2)}x as fast`
    console.log(`ours ${precision} ${median(seconds).toFixed(2)} s${ratio}`)
  }
  const share = theirs.length === 0 ? '' : `: ${(peak / theirPeak).toFixed(2)}x`
  console.log(`our process ${peak.toFixed(0)} MB${share}`)
}

function secondsOf(body: () => void): number {
  const begin = performance.now()
  body()
  return (performance.now() - begin) / 1000
}
