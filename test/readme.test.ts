/** @file The commands of README and of the page for people with photos, unchanged, in an empty folder: with generated images and random weights. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateDemo } from '../src/data/demo/index.ts'
import { readLabelMap } from '../src/io/indexed-png.ts'
import { writeSafetensors } from '../src/io/safetensors.ts'
import { buildMctformer } from '../src/methods/index.ts'
import { loadRecipe } from '../src/pipeline/recipe/load.ts'
import { manualSeed } from '../src/torch/index.ts'
import { compilePrograms, installIn, programsOf, runProgram } from './documented-programs.ts'
import { repository } from './source-files.ts'

const readme = await readFile(join(repository, 'README.md'), 'utf8')
const ownPhotos = await readFile(join(repository, 'docs/your-own-photos.md'), 'utf8')
const commands = commandsOf(readme)
const walk = await readFile(join(repository, 'docs/walk-through.md'), 'utf8')
const furtherCommands = [...new Set([...commandsOf(ownPhotos), ...commandsOf(walk)])].filter(
  command => !commands.includes(command),
)

const [program] = programsOf(readme)

const PHOTOS = 2 // the recipe takes no fewer than so many steps, each with all of them

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-readme-'))
  await installIn(folder)
  await mkdir(join(folder, 'node_modules/.bin'))
  await symlink(join(repository, 'bin/tagmask'), join(folder, 'node_modules/.bin/tagmask'))
  // my-photos: images/ and tags.csv alone, as README describes them
  const made = join(folder, 'made')
  await generateDemo(made, { images: PHOTOS, valImages: 2, size: 64, seed: 5 })
  const tags = (await readFile(join(made, 'tags.csv'), 'utf8')).trimEnd().split('\n')
  await mkdir(join(folder, 'my-photos/images'), { recursive: true })
  await mkdir(join(folder, 'new-photos'))
  for (const [i, line] of tags.slice(1).entries()) {
    const name = line.split(',')[0]!
    await cp(join(made, 'images', name), join(folder, i < PHOTOS ? 'my-photos/images' : 'new-photos', name))
  }
  await writeFile(join(folder, 'my-photos/tags.csv'), `${tags.slice(0, 1 + PHOTOS).join('\n')}\n`)
  const [some] = await readdir(join(folder, 'new-photos'))
  await rename(join(folder, 'new-photos', some!), join(folder, 'new-photos/harbour.jpg'))
  await writePretrained()
}, 120_000)

afterAll(() => rm(folder, { recursive: true }))

function commandsOf(page: string): string[] {
  const blocks = [...page.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(([, text]) => text!)
  const lines = blocks.flatMap(text => text.split('\n')).map(line => line.replace(/\s+#.*$/, '').trim())
  return lines.filter(line => line.startsWith('npx tagmask '))
}

/** A file of the name that README downloads, with random weights: a network of one class has a DeiT's shapes. */
async function writePretrained(): Promise<void> {
  const [name] = /deit_tiny_patch16_224[\w-]*\.pth/.exec(readme) ?? []
  const { recipe } = await loadRecipe('photos_cpu', {})
  if (recipe.method !== 'mctformer' || name === undefined) throw new Error('README downloads no DeiT-Ti')
  const { model, maps, train } = recipe
  manualSeed(0)
  const { network } = buildMctformer({ model, numClasses: 1, losses: train.losses, maps })
  const weights = [...network.stateDict()].filter(([key]) => !key.startsWith('head'))
  await writeSafetensors(
    join(folder, name),
    new Map(weights.map(([key, tensor]) => [key, tensor.toData()] as const)),
  )
  network.dispose()
}

async function run(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command], {
    cwd: folder,
    env: { ...process.env, TAGMASK_THREADS: '1' },
    maxBuffer: 1e8,
  })
  return stdout
}

describe('docs/your-own-photos.md', () => {
  test('its last line names the folder with the masks', { timeout: 900_000 }, async () => {
    const whole = commandsOf(ownPhotos).find(
      command => command.startsWith('npx tagmask run') && !command.endsWith('--dry-run'),
    )
    const stdout = await run(whole!)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('masks: runs/photos_cpu/result')
    expect((await readdir(join(folder, 'runs/photos_cpu/result'))).sort()).toEqual(
      ['areas.csv', 'labels.json', 'labels.txt', 'masks', 'overlays'].sort(),
    )
    expect(await readdir(join(folder, 'runs/photos_cpu/result/masks'))).toHaveLength(PHOTOS)
  })

  test.each(furtherCommands)('%s', { timeout: 900_000 }, async command => {
    expect(await run(command)).not.toContain('unexpected error')
  })
})

describe('README', () => {
  test('has commands', () => expect(commands.length).toBeGreaterThan(3))

  test.each(commands)('%s', { timeout: 900_000 }, async command => {
    expect(await run(command)).not.toContain('unexpected error')
  })

  test('its program ends with a mask, that of the command line', { timeout: 900_000 }, async () => {
    expect(program!.text.trim().split('\n').length).toBeLessThan(13)
    await compilePrograms(folder, [program!.text])
    await runProgram(folder, 0)
    expect(await readLabelMap(join(folder, 'harbour.png'))).toEqual(
      await readLabelMap(join(folder, 'new-masks/harbour.png')),
    )
  })
})
