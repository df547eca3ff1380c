/** @file The programs of docs/api.md, one after another in one folder. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readLabelMap } from '../src/io/index.ts'
import { compilePrograms, installIn, programsOf, runProgram } from './documented-programs.ts'
import { repository } from './source-files.ts'

const programs = programsOf(await readFile(join(repository, 'docs/api.md'), 'utf8'))
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-api-'))
  await installIn(folder)
})

afterAll(() => rm(folder, { recursive: true }))

/** Output of each. */
const PRINTED: Readonly<Record<string, RegExp>> = {
  'From tags to masks': /^mctformer \[ 1, 1\.5, 2 \]\n[\s\S]*report\.html\n$/,
  'One image': /'tree' \] 7 64 64\n$/,
  'Data in, masks out': /^0 \d+ 20\n$/,
  'The dense CRF alone': /^4096\n$/,
  'Weights, maps and masks':
    /^classify\.weight float32 \[ 7, 24, 1, 1 \]$[\s\S]*^class \d true\nUint8Array\(4096\)/m,
  'A network of your own': /^\[.*\]\n$/s,
}

describe('docs/api.md', () => {
  test('has the programs that are known here', () =>
    expect(programs.map(({ title }) => title)).toEqual(Object.keys(PRINTED)))

  test('compiles', { timeout: 300_000 }, () =>
    compilePrograms(
      folder,
      programs.map(({ text }) => text),
    ),
  )

  test.each(programs.map(({ title }, i) => ({ title, i })))(
    '$title',
    { timeout: 300_000 },
    async ({ title, i }) => {
      expect(await runProgram(folder, i)).toMatch(PRINTED[title]!)
    },
  )

  test('ends with a mask', async () => {
    expect(await readLabelMap(join(folder, '0017.png'))).toMatchObject({ width: 64, height: 64 })
  })
})
