import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf, loadedWith, packagesOf, repository, sourceFiles } from './source-files.ts'

/** From the bottom up (docs/architecture.md): a folder may import those before it, never those after it. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts', 'nearest-name.ts'],
  ['io'],
  ['torch'],
  ['nn'],
  ['optim'],
  ['data'],
  ['models'],
  ['refine', 'evaluate', 'export'],
  ['methods'],
  ['train'],
  ['pipeline'],
  ['cli'],
  ['index.ts'],
]

/** Folders whose files must load without libtorch. */
const TORCH_FREE = [
  'io',
  'data',
  'evaluate',
  'export',
  'cli',
  'pipeline/recipe',
  'pipeline/report',
  'pipeline/export',
]

/** Files that load libtorch on demand only. */
const TORCH_FREE_FILES = [
  'src/train/log.ts',
  'src/train/metrics.ts',
  'src/pipeline/run/run-recipe.ts',
  'src/pipeline/open-run.ts',
  'src/index.ts',
]

const files = sourceFiles('src')

function layerOf(file: string): number {
  const [, folder = ''] = file.split('/')
  return LAYERS.findIndex(layer => layer.includes(folder))
}

/** Siblings: two folders of one layer, or two methods. */
function isBeside(from: string, to: string): boolean {
  if (layerOf(from) !== layerOf(to) || layerOf(from) === 0) return false
  const [, folder, method] = from.split('/')
  const [, otherFolder, otherMethod] = to.split('/')
  if (folder !== 'methods') return folder !== otherFolder
  const inside = (path: string) => path.split('/').length > 3
  return inside(from) && inside(to) && method !== otherMethod
}

describe('imports', () => {
  it('finds the source files', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(importsOf('src/pipeline/recipe/load.ts').map(({ to }) => to)).toContain(
      'src/pipeline/recipe/schema.ts',
    )
  })

  it('every folder has a layer', () => {
    expect(files.filter(file => layerOf(file) < 0)).toEqual([])
  })

  it('lead to a file that exists', () => {
    const broken = files.flatMap(file =>
      importsOf(file)
        .filter(({ to }) => !existsSync(join(repository, to)))
        .map(({ to }) => `${file} -> ${to}`),
    )
    expect(broken).toEqual([])
  })

  it('point downwards only', () => {
    const wrong = files.flatMap(file =>
      importsOf(file)
        .filter(({ to }) => layerOf(to) > layerOf(file) || isBeside(file, to))
        .map(({ to }) => `${file} -> ${to}`),
    )
    expect(wrong).toEqual([])
  })

  it('have no cycle among what is loaded', () => {
    const state = new Map<string, 'open' | 'closed'>()
    const cycles: string[] = []
    const visit = (file: string, trail: readonly string[]) => {
      if (state.get(file) === 'closed' || !existsSync(join(repository, file))) return
      if (state.get(file) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '))
        return
      }
      state.set(file, 'open')
      for (const { to, kind } of importsOf(file)) if (kind === 'static') visit(to, [...trail, file])
      state.set(file, 'closed')
    }
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })

  it('keep libtorch out of what must not wait for it', () => {
    const free = files.filter(
      file => TORCH_FREE_FILES.includes(file) || TORCH_FREE.some(folder => file.startsWith(`src/${folder}/`)),
    )
    const loading = free.flatMap(file =>
      [...loadedWith(file)]
        .filter(loaded => loaded.startsWith('src/torch/') && loaded !== file)
        .map(loaded => `${file} ... ${loaded}`),
    )
    expect(loading).toEqual([])
  })

  it('of packages stay where they belong', () => {
    const owners: Record<string, RegExp> = {
      '@stricli/core': /^src\/cli\//,
      yaml: /^src\/(io|pipeline|export)\//,
      sax: /^src\/io\//,
      sharp: /^src\/io\/sharp.ts$/,
      'fast-png': /^src\/io\//,
      yauzl: /^src\/io\//,
      yazl: /^src\/io\//,
      '@thi.ng/rle-pack': /^src\/export\//,
      'fast-xml-builder': /^src\/export\//,
      zod: /^src\/(pipeline|data|methods\/([^/]+\/)?(train-|autoencoder-)?recipe\.ts)/,
    }
    const wrong = files.flatMap(file =>
      packagesOf(file)
        .filter(name => owners[name] !== undefined && !owners[name].test(file))
        .map(name => `${file} imports ${name}`),
    )
    expect(wrong).toEqual([])
  })
})
