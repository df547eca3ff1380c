/**
 * @file TypeScript to dist/, and the command line into a few files of dist/bundle/, which Node opens half a second sooner than
 * hundreds (docs/adr/0008-bundle.md). The library, tests and benchmarks are dist/src.
 *
 *   node scripts/compile.mjs [--changed]     --changed: only where a source has changed
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stampOf } from './build-addon.mjs'
import { root } from './places.mjs'
import { SetupError } from './setup-log.mjs'

/** The library, and the script of its report, which runs in browsers. */
const PROJECTS = ['tsconfig.build.json', 'tsconfig.browser.json']
/** What is started by its path: beside the bundle's other files, where `new URL(name, import.meta.url)` finds it. */
const ENTRIES = {
  main: 'cli/main.js',
  'loader-worker': 'data/loader-worker.js',
  'image-worker': 'data/demo/image-worker.js',
  measure: 'torch/measure.js',
}
/** Stay where npm has put them: with native parts, opened for few files, or without the text of their licence. */
const OUTSIDE = ['sharp', 'geotiff', '@saehrimnir/druidjs', '@stricli/core']
/** Parts of an older bundle stay for so long after a new one: what runs may still load them. */
const DAY = 24 * 60 * 60 * 1000

const SOURCES = [
  'src',
  'bench',
  'scripts',
  'test/fuzz',
  'test/parallel',
  'test/parity',
  'package.json',
  'tsconfig.json',
  ...PROJECTS,
]
const STAMP = join(root, 'dist/.tagmask-stamp')

function stamp() {
  return stampOf(
    root,
    SOURCES.map(name => join(root, name)),
  )
}

/** Whether dist/ is what these sources make. */
export function isCompiled() {
  const built = existsSync(STAMP) && existsSync(join(root, 'dist/bundle/main.js'))
  return built && readFileSync(STAMP, 'utf8') === stamp()
}

/** Compiles all. Throws SetupError where a source has errors. */
async function compile() {
  const compiled = stamp() // before: what changes meanwhile is compiled next time
  rmSync(STAMP, { force: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  for (const project of PROJECTS) {
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(root, project)], {
      encoding: 'utf8',
    })
    if (status === 0) continue
    console.error(stdout)
    throw new SetupError('the TypeScript sources have errors: see above')
  }
  await bundle()
  writeFileSync(STAMP, compiled)
}

async function bundle() {
  const { rolldown } = await import('rolldown')
  const made = await rolldown({
    input: Object.fromEntries(
      Object.entries(ENTRIES).map(([name, file]) => [name, join(root, 'dist/src', file)]),
    ),
    platform: 'node',
    external: id => OUTSIDE.some(name => id === name || id.startsWith(`${name}/`)),
  })
  const dir = join(root, 'dist/bundle')
  const list = join(dir, 'parts.json')
  const before = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : []
  const { output } = await made.write({ dir, format: 'esm', chunkFileNames: '[name]-[hash].js' })
  copyLicences(output, dir)
  const written = new Set(output.map(({ fileName }) => fileName))
  const now = new Date()
  for (const name of readdirSync(dir).filter(name => name.endsWith('.js') && !written.has(name)))
    if (before.includes(name)) utimesSync(join(dir, name), now, now)
    else if (now - statSync(join(dir, name)).mtimeMs > DAY) rmSync(join(dir, name))
  writeFileSync(list, JSON.stringify([...written]))
}

/** Puts the licence of every package that became part of the bundle beside it. */
function copyLicences(output, dir) {
  const packages = new Set([
    join(root, 'node_modules/rolldown'), // its helpers
    ...output.flatMap(({ moduleIds = [] }) =>
      moduleIds.flatMap(id => /^.*[/\\]node_modules[/\\](@[^/\\]+[/\\])?[^/\\]+/.exec(id)?.[0] ?? []),
    ),
  ])
  for (const folder of packages) {
    const licence = readdirSync(folder).find(name => /^licen[cs]e/i.test(name))
    if (licence === undefined)
      throw new SetupError(`${folder} has no licence that could be put beside the bundle`)
    const name = folder.split(/[/\\]node_modules[/\\]/).at(-1)
    copyFileSync(join(folder, licence), join(dir, `LICENSE-${name.replace(/[/\\]/, '-')}`))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    if (!process.argv.includes('--changed') || !isCompiled()) await compile()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
