/**
 * @file Random arguments crash no operator: a result or a TorchError, without leaks. In a process of its own, so that
 * a crash is detected. A long run: TAGMASK_RANDOM_CALLS=50000 npx vitest run test/random-operators.test.ts
 */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const calls = Number(process.env.TAGMASK_RANDOM_CALLS ?? 2500)
const seed = Number(process.env.TAGMASK_RANDOM_SEED ?? 1)

test(`${calls} random calls, seed ${seed}`, { timeout: 120_000 + calls * 50 }, () => {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/scripts/random-operators.js', String(calls), String(seed)],
    { encoding: 'utf8', maxBuffer: 1e9 },
  )
  const last = stderr.trimEnd().split('\n').slice(-12).join('\n')
  expect({ status, signal, last: status === 0 ? '' : last }).toEqual({ status: 0, signal: null, last: '' })
  const counted = JSON.parse(stdout) as { calls: number; worked: number; left: number }
  expect(counted).toMatchObject({ calls, left: 0 })
  expect(counted.worked).toBeGreaterThan(calls / 5) // or the arguments are too wild to reach the kernels
})
