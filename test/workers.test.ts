/** @file Several threads of Node: a worker's use of libtorch does not affect the others, and it may be stopped. */
import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { backward, differentiable, memory, ops, scope, type Tensor, tensor } from '../src/torch/index.ts'
import { THOROUGH } from './suite/thorough.ts'

const torch = JSON.stringify(pathToFileURL('dist/src/torch/index.js').href)

/** Runs an ES module in a process of its own: an abort shows as a signal. */
function run(script: string, { env = {} }: { env?: Record<string, string> } = {}) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script],
    { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 290_000 },
  )
  return { status, signal, stdout: stdout.trim(), stderr }
}

const stopped = (body: string, times: number): string => `
  import { Worker } from 'node:worker_threads'
  const code = \`
    const { parentPort } = require('node:worker_threads')
    import(${torch}).then(async torch => {
      const { ops, scope, tensor, differentiable, backward, backwardAsync } = torch
      parentPort.postMessage('computes')
      ${body}
    })\`
  let done = 0
  for (let i = 0; i < ${times}; i++) {
    const worker = new Worker(code, { eval: true, execArgv: [] })
    await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject) })
    await new Promise(resolve => setTimeout(resolve, i % 7))
    await worker.terminate()
    done++
  }
  console.log(done)`

const TIMES = THOROUGH ? 50 : 15

test('a worker that computes is stopped many times', { timeout: 300_000 }, () => {
  const body = 'for (;;) scope(() => { const a = ops.rand([64, 64]); ops.mm(a, a).sum().item() })'
  expect(run(stopped(body, TIMES))).toEqual({ status: 0, signal: null, stdout: String(TIMES), stderr: '' })
})

test('so is one in the middle of a derivative in JavaScript', { timeout: 300_000 }, () => {
  const body = `for (;;) scope(() => {
    const x = tensor([1, 2, 3]); x.requiresGrad = true
    const [y] = differentiable('twice', [x], () => ({ outputs: [x.mul(2)], saved: [x] }), ([g]) => [g.mul(2)])
    backward(y.sum())
  })`
  expect(run(stopped(body, TIMES))).toEqual({ status: 0, signal: null, stdout: String(TIMES), stderr: '' })
})

test('and one that waits for a backward on another thread', { timeout: 300_000 }, () => {
  const body = `for (;;) {
    const x = ops.rand([200, 200]); x.requiresGrad = true
    const loss = ops.mm(x, x).sum()
    await backwardAsync(loss)
    for (const each of [x, loss]) each.dispose()
  }`
  expect(run(stopped(body, TIMES))).toEqual({ status: 0, signal: null, stdout: String(TIMES), stderr: '' })
})

/** A hand-written derivative, on the thread that calls it. */
function derived(): number[] {
  return scope(() => {
    const x = tensor([1, -2, 3])
    x.requiresGrad = true
    const square = (a: Tensor): Tensor =>
      differentiable(
        'square',
        [a],
        () => ({ outputs: [a.mul(a)], saved: [a] }),
        ([gradient], [saved]) => [gradient!.mul(saved!).mul(2)],
      )[0]!
    backward(square(x).sum())
    return [...x.grad!.toFloat32Array()]
  })
}

test('a worker that differentiates leaves the main thread its derivatives, its handles and its threads', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads')
    import(${torch}).then(torch => {
      const { differentiable, backward, ops, scope, tensor, memory, threads } = torch
      const kept = [tensor([1]), tensor([2])]
      parentPort.on('message', () => parentPort.postMessage(scope(() => {
        const x = tensor([2, 4]); x.requiresGrad = true
        const [y] = differentiable('cube', [x], () => ({ outputs: [x.mul(x).mul(x)], saved: [x] }), ([g], [s]) => [g.mul(s).mul(s).mul(3)])
        backward(y.sum())
        return [...x.grad.toFloat32Array()]
      }).concat(memory().live, threads(), kept.slice(2))))
      parentPort.postMessage('ready')
    })`
  const before = memory().live
  const worker = new Worker(code, { eval: true, execArgv: [] })
  const answer = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  expect(await answer()).toBe('ready')
  expect(derived()).toEqual([2, -4, 6])
  const other = answer()
  worker.postMessage('go')
  expect(derived()).toEqual([2, -4, 6])
  expect(await other).toEqual([12, 48, 2, 1])
  expect(memory().live).toBe(before)
  await worker.terminate()
  expect(derived()).toEqual([2, -4, 6])
  expect(ops.ones([2]).sum().item()).toBe(2)
})

test('operators are found by each thread for itself', { timeout: 300_000 }, () => {
  const script = `
    import { Worker } from 'node:worker_threads'
    import { ops, scope } from ${torch}
    const code = \`import(${torch}).then(({ ops }) => {
      for (const name of Object.keys(ops)) { try { ops[name](1) } catch {} }
    })\`
    const workers = Array.from({ length: 4 }, () => new Worker(code, { eval: true, execArgv: [] }))
    for (const name of Object.keys(ops)) { try { ops[name](1) } catch {} }
    await Promise.all(workers.map(worker => new Promise(resolve => worker.once('exit', resolve))))
    console.log(scope(() => ops.ones([3]).add(1).sum().item()))`
  expect(run(script)).toEqual({ status: 0, signal: null, stdout: '6', stderr: '' })
})
