/** @file `tagmask export` of thousands of masks, whose files are larger than the memory it may take. */
import { spawnSync } from 'node:child_process'
import { link, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeLabelMap } from '../src/io/indexed-png.ts'
import { THOROUGH } from './suite/thorough.ts'
import { temporaryFolder } from './temporary-folder.ts'

const MASKS = 2000
const SIDE = 200
/** Megabytes of JavaScript's memory: with 40 the command itself has hardly room, and collects all the time. */
const HEAP = 64

const FORMATS = [
  ['coco', 'masks.json', 70e6],
  ['cvat', 'masks.zip', 50e6],
] as const

test.each(THOROUGH ? FORMATS : FORMATS.slice(0, 1))(
  '%s takes no more for thousands of masks than for one',
  { timeout: 300_000 },
  async (format, name, least) => {
    const folder = await temporaryFolder({ 'labels.txt': 'one\ntwo\n' })
    await mkdir(join(folder, 'masks'))
    let state = 1
    // noise, the worst for run lengths
    const data = Uint8Array.from({ length: SIDE * SIDE }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return (state >>> 16) % 3
    })
    const first = join(folder, 'masks', '0.png')
    await writeFile(first, encodeLabelMap({ width: SIDE, height: SIDE, data }))
    for (let i = 1; i < MASKS; i++) await link(first, join(folder, 'masks', `${i}.png`))
    const out = join(folder, name)
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        `--max-old-space-size=${HEAP}`,
        'bin/tagmask',
        'export',
        join(folder, 'masks'),
        '--labels',
        join(folder, 'labels.txt'),
        '--format',
        format,
        '--out',
        out,
      ],
      { encoding: 'utf8' },
    )
    expect(status, stderr).toBe(0)
    expect((await stat(out)).size).toBeGreaterThan(least)
    if (format === 'coco') {
      const { images, annotations } = JSON.parse(await readFile(out, 'utf8')) as Record<
        string,
        { id: number }[]
      >
      expect(images).toHaveLength(MASKS)
      expect(images!.at(-1)!.id).toBe(MASKS)
      expect(annotations).toHaveLength(2 * MASKS)
    }
  },
)
