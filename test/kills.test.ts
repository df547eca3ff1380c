/** @file Killed with SIGKILL at random moments of all stages, a run ends with the files of one that was never stopped. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDemo } from '../src/data/demo/index.ts'
import { THOROUGH } from './suite/thorough.ts'
import { runContents, TINY_DATA, tinyRun } from './tiny-run.ts'

/** More for a long run: TAGMASK_KILLS=70 npx vitest run test/kills.test.ts */
const KILLS = Number(process.env.TAGMASK_KILLS ?? (THOROUGH ? 6 : 2))
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-kills-'))
  await generateDemo(join(folder, 'data'), TINY_DATA)
})

afterAll(() => rm(folder, { recursive: true }))

test('a run killed at any moment goes on as if nothing had happened', {
  timeout: 120_000 + KILLS * 60_000,
}, async () => {
  const began = Date.now()
  expect(await tinyRun({ folder, runs: folder, name: 'whole' })).toMatchObject({ end: '0' })
  const duration = Date.now() - began
  const whole = await runContents(join(folder, 'whole'))
  for (const part of ['checkpoints', 'maps', 'masks', 'affinity', 'pseudo-masks', 'segment', 'predictions'])
    expect([...whole.keys()].some(file => file.startsWith(`${part}/`))).toBe(true)

  let [killed, round] = [0, 0]
  while (killed < KILLS) {
    const name = `killed-${round++}`
    for (let ended = false; !ended; ) {
      const last = killed >= KILLS
      const moment = duration * (0.1 + 0.8 * Math.random())
      const { end, text } = await tinyRun({
        folder,
        runs: folder,
        name,
        ...(!last && { killAfter: moment }),
      })
      expect(['0', 'SIGKILL'], text).toContain(end)
      if (end === 'SIGKILL') killed++
      ended = end === '0'
    }
    expect(await runContents(join(folder, name))).toEqual(whole)
    const left = (await readdir(join(folder, name), { recursive: true })).filter(file =>
      /\.tmp$|^lock/.test(file),
    )
    expect(left).toEqual([])
  }
})
