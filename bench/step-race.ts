/** @file A training step beside its authors', in turns: seconds, memory of the processes and their ratios. */
import { resolve } from 'node:path'
import { median, startPython } from './python-server.ts'

const ROUNDS = 5

/**
 * `server` is Python that prints "ready", and then for each line "seconds megabytes" of one step; its first argument is the
 * clone of the reference. Without a clone our own step is timed alone. The python is TAGMASK_TORCH_PYTHON, else python3.
 */
export async function raceSteps({
  server,
  clone,
  args,
  step,
}: {
  server: string
  clone: string | undefined
  args: readonly string[]
  step: () => void
}): Promise<void> {
  const python = process.env.TAGMASK_TORCH_PYTHON ?? 'python3'
  const started = { python, imports: 'torch, numpy', args: [resolve(clone ?? ''), ...args] }
  const reference = clone === undefined ? undefined : await startPython(server, started)
  const times = { theirs: [] as number[], ours: [] as number[] }
  let theirPeak = 0
  for (let round = 0; round <= ROUNDS; round++) {
    const answer = await reference?.ask('step')
    const begin = performance.now()
    step()
    const seconds = (performance.now() - begin) / 1000
    theirPeak = answer?.[1] ?? 0
    if (round === 0) continue // warms both up
    times.ours.push(seconds)
    if (answer !== undefined) times.theirs.push(answer[0]!)
  }
  reference?.close()
  const peak = process.resourceUsage().maxRSS / 1024
  const ours = `${median(times.ours).toFixed(2)} s, ${peak.toFixed(0)} MB`
  if (reference === undefined) return console.log(`ours ${ours}`)
  const faster = median(times.ours.map((value, round) => times.theirs[round]! / value))
  console.log(
    `theirs ${median(times.theirs).toFixed(2)} s, ${theirPeak.toFixed(0)} MB; ours ${ours}: ` +
      `${faster.toFixed(2)}x as fast, ${(peak / theirPeak).toFixed(2)}x the memory of the process`,
  )
}
