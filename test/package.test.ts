import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository } from './source-files.ts'

// The package as `npm install tagmask-VERSION.tgz` installs it in an empty folder, here offline: its dependencies are copied
// from the repository first.
let project = ''
let installed = ''

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'tagmask-package-'))
  const npm = (args: string, cwd: string): string =>
    execFileSync('npm', args.split(' '), { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const [{ filename }] = JSON.parse(
    npm(`pack --ignore-scripts --json --pack-destination ${project}`, repository),
  )
  writeFileSync(join(project, 'package.json'), '{ "name": "beside", "type": "module" }')
  for (const folder of npm('ls --omit=dev --all --parseable', repository).trim().split('\n').slice(1))
    cpSync(folder, join(project, folder.slice(folder.indexOf('node_modules'))), {
      recursive: true,
      dereference: true,
    })
  npm(`install --offline --ignore-scripts --no-audit --no-fund ./${filename}`, project)
  installed = join(project, 'node_modules', 'tagmask')
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

function node(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const tagmask = (...args: string[]) => node([join(installed, 'bin', 'tagmask'), ...args])

describe('the packed package', () => {
  it('holds what is needed, and no maps, tests, sources or benchmarks', () => {
    const files = readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => relative(installed, join(entry.parentPath, entry.name)))
    for (const name of [
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'bin/tagmask',
      'native/torch/binding.gyp',
      'scripts/setup.mjs',
      'dist/src/pipeline/report/browser/gallery.js',
    ])
      expect(files).toContain(name)
    expect(
      files.filter(name => /\.(map|tgz)$|\.test\.|^(src|test|bench|dist\/(test|bench|scripts))\//.test(name)),
    ).toEqual([])
    expect(files.filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))).toEqual([])
    expect(readFileSync(join(installed, 'LICENSE'), 'utf8')).toMatch(
      /^MIT License\n\nCopyright \(c\) \d+ tagmask authors\n/,
    )
    const recipes = readdirSync(join(repository, 'recipes'), { recursive: true, encoding: 'utf8' })
    for (const name of recipes.filter(name => name.endsWith('.yaml')))
      expect(files).toContain(`recipes/${name}`)
  })

  it('says how it is set up, by a command that is there', () => {
    expect(tagmask('--help')).toMatchObject({ status: 0, stderr: '' })
    expect(tagmask('run', '--help').stdout).toContain('RECIPE')
    const manifest = join(installed, 'build', 'addons', 'manifest.json')
    if (process.env.XDG_CACHE_HOME === undefined) {
      expect(tagmask('doctor')).toMatchObject({
        status: 1,
        stderr: `error: ${manifest}: libtorch addon not built; run: npx tagmask setup\n`,
      })
    }
    expect(tagmask('setup', '--help').stdout).toContain('tagmask setup')
  })

  it('loads by its name without libtorch, and says how it is set up where that is needed', () => {
    if (process.env.XDG_CACHE_HOME === undefined) {
      const code = `const { loadRecipe } = await import('tagmask')
        console.log((await loadRecipe('photos_cpu')).recipe.method)
        await import('tagmask/torch').catch(error => console.log(error.name, error.message))`
      expect(node(['--input-type=module', '-e', code])).toMatchObject({
        status: 0,
        stdout: `mctformer\nInputError ${join(installed, 'build', 'addons', 'manifest.json')}: libtorch addon not built; run: npx tagmask setup\n`,
      })
    }
  })

  it('sets itself up without the TypeScript sources', { timeout: 600_000 }, () => {
    // built from these very sources: to compile them again would take minutes
    cpSync(join(repository, 'build', 'addons'), join(installed, 'build', 'addons'), { recursive: true })
    const { status, stdout, stderr } = tagmask('setup')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^set-up: ready: libtorch [\d.]+ /m)
    expect(existsSync(join(installed, 'node_modules'))).toBe(false)
    const torch = node([
      '--input-type=module',
      '-e',
      "import { tensor } from 'tagmask/torch'; console.log(tensor([1, 2]).shape)",
    ])
    expect(torch).toMatchObject({ status: 0, stdout: '[ 2 ]\n' })
  })

  it('exports nothing that is not there; every sub-path loads and holds something', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>
    }
    for (const target of Object.values(exports))
      for (const file of typeof target === 'string' ? [target] : Object.values(target))
        expect(existsSync(join(installed, file)), file).toBe(true)
    const modules = Object.keys(exports).filter(path => !path.endsWith('.json'))
    expect(modules).toContain('.')
    const names = modules.map(path => `tagmask${path.slice(1)}`)
    const code = `for (const name of ${JSON.stringify(names)}) if (Object.keys(await import(name)).length < 5) console.log(name)`
    expect(node(['--input-type=module', '-e', code])).toMatchObject({ status: 0, stdout: '', stderr: '' })
  })

  it('has types for a program beside it, which compiles under nodenext and runs', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    const all = Object.keys(exports).filter(path => !path.endsWith('.json'))
    writeFileSync(
      join(project, 'program.ts'),
      `${all.map((path, i) => `import * as module${i} from 'tagmask${path.slice(1)}'`).join('\n')}
import { denseCrf, InputError, type OpenedRun, openRun, unaryFromScores } from 'tagmask'
import { Linear } from 'tagmask/nn'
import { type Tensor, tensor } from 'tagmask/torch'

const mask = async (run: OpenedRun, image: string): Promise<Uint8Array> => (await run.predict(image)).labels.data
const sure: Tensor = tensor([1, 2]).gt(1)
const image = { width: 2, height: 1, data: new Uint8Array(6) }
const refined: Float32Array = await denseCrf({ image, unary: unaryFromScores(new Float32Array(4).fill(0.5)) })
// @ts-expect-error a layer needs its sizes
const wrong = (): Linear => new Linear()
const failure: unknown = await openRun('none').catch((error: unknown) => error)
if (!(failure instanceof InputError)) throw failure
console.log(typeof mask, typeof wrong, [...sure.toFloat32Array()], [...refined], failure.message)
console.log([${all.map((_, i) => `module${i}`).join(', ')}].every(one => Object.keys(one).length > 0))
`,
    )
    const tsc = join(repository, 'node_modules/typescript/bin/tsc')
    const flags =
      '--strict --target es2022 --lib es2023,esnext.disposable --module nodenext --moduleResolution nodenext'
    const types = ['--types', 'node', '--typeRoots', join(repository, 'node_modules/@types')]
    expect(node([tsc, ...flags.split(' '), ...types, 'program.ts'])).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
    expect(node(['program.js'])).toMatchObject({
      status: 0,
      stdout:
        'function function [ 0, 1 ] [ 0.5, 0.5, 0.5, 0.5 ] none: there is no such run; give the folder of a run, such as runs/NAME\ntrue\n',
    })
  })

  it('names the package that reads images where it is missing, and takes no image for damaged', () => {
    const place = join(project, 'node_modules/sharp')
    renameSync(place, `${place}-away`)
    try {
      const images = join(project, 'some', 'images')
      mkdirSync(images, { recursive: true })
      copyFileSync(join(repository, 'docs/images/afa-demo.png'), join(images, 'a.png'))
      writeFileSync(join(project, 'some', 'tags.csv'), 'image,tags\na.png,cat\n')
      for (const args of [
        ['data', 'check', 'some'],
        ['data', 'demo', '--out', 'made', '--images', '2'],
      ]) {
        const { status, stderr, stdout } = tagmask(...args)
        expect(status, stdout).toBe(1)
        expect(stderr).toMatch(
          /^error: the package sharp, which reads images, cannot be loaded \(Cannot find module 'sharp'\): install the npm packages again, in a clone with npm ci\n$/,
        )
        expect(stdout).not.toContain('damaged')
      }
      expect(existsSync(join(project, 'made'))).toBe(false)
      expect(tagmask('recipes').status).toBe(0)
    } finally {
      renameSync(`${place}-away`, place)
    }
  })
})
