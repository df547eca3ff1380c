import { mkdir, mkdtemp, readdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { generateDemo } from '../../data/demo/index.ts'
import { silentLog } from '../../train/log.ts'
import { parseRecipe } from '../recipe/load.ts'
import { existingRunFolder, openRunFolder } from './run-folder.ts'
import { placeOfRun, refuseDataFolder, refuseForeignFolder } from './run-place.ts'
import { runRecipe } from './run-recipe.ts'

let folder = ''
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tagmask-place-')))
})

describe('the name of a run', () => {
  it.each(['first', 'voc.2012', 'Möwen am Strand', 'a'.repeat(200), '.hidden'])('%s', name => {
    expect(placeOfRun('/runs', name)).toBe(`/runs/${name}`)
  })

  it.each([
    ['', 'is empty'],
    ['  ', 'is empty'],
    ['.', 'is no name'],
    ['..', 'is no name'],
    ['../x', 'is a path, not a name'],
    ['/etc', 'is a path, not a name'],
    ['a/b', 'is a path, not a name'],
    ['a\\b', 'is a path, not a name'],
    ['a\u0000b', 'has control characters'],
    ['a\u001b[31m', 'has control characters'],
    ['a\nb', 'has control characters'],
    ['a\u202eb', 'has control characters'],
    ['a.', 'begins with a blank, or ends with a dot or a blank'],
    [' a', 'begins with a blank, or ends with a dot or a blank'],
    ['-x', 'begins with a dash, as flags do'],
    ['ö'.repeat(101), 'is longer than 200 bytes'],
    ['demo-data', 'is kept for generated images'],
  ])('%j %s', (name, problem) => {
    expect(() => placeOfRun('/runs', name)).toThrow(
      `--name ${JSON.stringify(name)}: ${problem}; a run is one folder inside --runs: give a plain name, such as first-try`,
    )
  })
})

describe('a run folder', () => {
  it('is new, empty, or ours', async () => {
    await refuseForeignFolder(join(folder, 'new'))
    await writeFile(join(folder, '.DS_Store'), '')
    await writeFile(join(folder, 'lock'), '')
    await refuseForeignFolder(folder)
    await openRunFolder(join(folder, 'one'), parseRecipe('method: mctformer\n', 'x'))
    await refuseForeignFolder(join(folder, 'one'))
  })

  it('from before there was a mark is known by what a run writes at its start', async () => {
    await mkdir(join(folder, 'stages'))
    await writeFile(join(folder, 'sessions.jsonl'), '{"time":"2026-01-01T00:00:00.000Z","tagmask":"0.1.0"}\n')
    await writeFile(join(folder, 'recipe.yaml'), 'method: mctformer\n')
    await expect(refuseForeignFolder(folder)).rejects.toThrow('is not a run folder')
    await writeFile(
      join(folder, 'recipe.yaml'),
      '# Resolved recipe: every key, as this run used it.\nmethod: x\n',
    )
    await refuseForeignFolder(folder)
  })

  it.each([
    ['tagmask-run.json', '{}'],
    ['recipe.yaml', 'method: mctformer\n'],
    ['masks', undefined],
  ])('is not one that holds %s of somebody else', async (name, text) => {
    if (text === undefined) await mkdir(join(folder, name))
    else await writeFile(join(folder, name), text)
    await expect(refuseForeignFolder(folder)).rejects.toThrow(
      `${folder}: is not a run folder, and not empty: it holds ${name}; nothing was changed; use another --name or --runs`,
    )
  })

  it('is no file', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(refuseForeignFolder(join(folder, 'file'))).rejects.toThrow(
      `${join(folder, 'file')}: cannot be a run folder: it is a file or cannot be listed; use another --name`,
    )
  })

  it('is not, holds not, and lies not among the files of, the data set', async () => {
    const data = join(folder, 'photos')
    await mkdir(join(data, 'images'), { recursive: true })
    await symlink(data, join(folder, 'link'))
    const image = join(data, 'images', 'a.jpg')
    const set = { samples: [{ id: 'a', image, tags: [0], mask: undefined }] }
    const refused = (root: string, problem: string) =>
      expect(refuseDataFolder(root, data, set)).rejects.toThrow(
        `${root}: cannot be the run folder: it ${problem} ${data}; nothing was changed; give --runs a folder outside the data set, or runs in it`,
      )
    await refused(data, 'is the data set')
    await refused(join(folder, 'link'), 'is the data set')
    await refused(folder, 'holds the data set')
    await refused(join(data, 'images', 'one'), 'lies among the files of the data set')
    await refused(join(folder, 'link', 'masks'), 'lies among the files of the data set')
    await refuseDataFolder(join(data, 'runs', 'one'), data, set)
    await refuseDataFolder(join(folder, 'runs', 'one'), data, set)
    await refuseDataFolder(join(folder, 'photos2'), data, set)
    const among = { samples: [{ id: 'a', image: join(data, 'runs', 'a.jpg'), tags: [0], mask: undefined }] }
    await expect(refuseDataFolder(join(data, 'runs', 'one'), data, among)).rejects.toThrow('lies among')
  })
})

it('a data set is never taken for a run folder: nothing of it is touched', async () => {
  const pets = join(folder, 'pets')
  await generateDemo(pets, { images: 4, valImages: 1, size: 32 })
  const before = await contentsOf(pets)
  const run = (options: { runs: string; name?: string; recipe?: string }) =>
    runRecipe({
      recipe: 'mctformer_demo',
      set: [`data.root=${pets}`, 'data.layout=folder'],
      signal: new AbortController().signal,
      log: silentLog(),
      ...options,
    })
  await expect(run({ runs: folder, name: 'pets' })).rejects.toThrow(
    'pets: is not a run folder, and not empty',
  )
  await expect(run({ runs: join(folder, 'runs'), name: '../pets' })).rejects.toThrow('is a path, not a name')
  await expect(run({ runs: pets, name: 'masks' })).rejects.toThrow('masks: is not a run folder')
  await expect(run({ runs: pets, name: 'new' })).rejects.toThrow('lies among the files of the data set')
  await writeFile(join(pets, 'recipe.yaml'), 'method: mctformer\n')
  await expect(run({ runs: folder, recipe: pets })).rejects.toThrow('pets: is not a run folder')
  const after = await contentsOf(pets)
  after.delete('recipe.yaml')
  expect(after).toEqual(before)
})

it('a demo is not put in the place of what it did not make', async () => {
  const place = join(folder, 'mine')
  await generateDemo(place, { images: 2, valImages: 1, size: 32 })
  await writeFile(join(place, 'images', 'holiday.jpg'), 'mine')
  await expect(generateDemo(place, { images: 3, valImages: 1, size: 32 })).rejects.toThrow(
    `${place}: is in the way and is not a demo data set; choose another folder`,
  )
  await mkdir(join(folder, 'other'))
  await writeFile(join(folder, 'other', 'demo.json'), '{"my": "settings"}')
  await expect(generateDemo(join(folder, 'other'), { images: 2, size: 32 })).rejects.toThrow('is in the way')
  expect(await readFile(join(place, 'images', 'holiday.jpg'), 'utf8')).toBe('mine')
  expect((await readdir(folder)).sort()).toEqual(['mine', 'other'])
})

async function contentsOf(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  return new Map(
    await Promise.all(
      files.map(
        async file => [file.slice(root.length + 1), (await readFile(file)).toString('base64')] as const,
      ),
    ),
  )
}

it('a run of an older version, whose recipe has other keys, is refused with the way out', async () => {
  const old = join(folder, 'runs', 'old')
  await mkdir(old, { recursive: true })
  await writeFile(join(old, 'recipe.yaml'), 'method: mctformer\nreport: { pictures: 3 }\n')
  await writeFile(join(old, 'tagmask-run.json'), '{\n  "kind": "tagmask run",\n  "format": 1\n}\n')
  const expected =
    /old: was made by an older tagmask, whose recipes had other keys; continue with that version, or start a new run with --name; CHANGELOG\.md lists the keys/
  await expect(existingRunFolder(old)).rejects.toThrow(expected)
  await expect(runRecipe({ recipe: old })).rejects.toThrow(expected)
})
