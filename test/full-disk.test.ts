/** @file On a disk that is full, a run ends with one message; with space again, it ends with the files of an undisturbed run. */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDemo } from '../src/data/demo/index.ts'
import { THOROUGH } from './suite/thorough.ts'
import { runContents, TINY_DATA, tinyRun } from './tiny-run.ts'

/** More for a long run: TAGMASK_FULL_DISKS=11 npx vitest run test/full-disk.test.ts */
const MOMENTS = Number(process.env.TAGMASK_FULL_DISKS ?? (THOROUGH ? 3 : 1))
const disk = await mkdtemp(join(tmpdir(), 'tagmask-disk-'))
const mount = (options: string): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]).status === 0
const mounted = mount('size=64k')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-full-'))
  await generateDemo(join(folder, 'data'), TINY_DATA)
})

afterAll(async () => {
  if (mounted) spawnSync('umount', [disk])
  await rm(disk, { recursive: true, force: true })
  await rm(folder, { recursive: true })
})

test.skipIf(!mounted)(
  'a full disk loses nothing (needs the right to mount a tmpfs)',
  {
    timeout: 120_000 + MOMENTS * 120_000,
  },
  async () => {
    expect(await tinyRun({ folder, runs: join(folder, 'runs'), name: 'whole' })).toMatchObject({ end: '0' })
    const whole = await runContents(join(folder, 'runs', 'whole'))
    const used = spawnSync('du', ['-sk', join(folder, 'runs', 'whole')], { encoding: 'utf8' })
    const kilobytes = Number(used.stdout.split('\t')[0])
    for (let moment = 0; moment < MOMENTS; moment++) {
      const runs = join(disk, `runs-${moment}`)
      let size = 16 + Math.floor((kilobytes * 0.9 * moment) / MOMENTS)
      expect(mount(`remount,size=${size}k`)).toBe(true)
      await mkdir(runs)
      for (let tries = 0; ; tries++) {
        const { end, text } = await tinyRun({ folder, runs, name: 'full' })
        if (end === '0') break
        expect(end, text).toBe('1')
        expect(text).toMatch(/error: .*the disk is full; free some space/)
        expect(text).not.toMatch(/ {4}at /)
        size += Math.ceil(kilobytes / 3)
        expect(tries, text).toBeLessThan(20)
        expect(mount(`remount,size=${size}k`)).toBe(true)
      }
      expect(await runContents(join(runs, 'full'))).toEqual(whole)
      await rm(runs, { recursive: true })
    }
  },
)
