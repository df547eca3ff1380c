import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository } from './source-files.ts'

// The package as npm installs it: packed, unpacked into a project's node_modules, its dependencies beside it.
let project = ''
let installed = ''

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'tagmask-package-'))
  const modules = join(project, 'node_modules')
  mkdirSync(modules)
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', project]
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: repository, encoding: 'utf8' }))
  execFileSync('tar', ['xzf', join(project, filename), '-C', project])
  installed = join(modules, 'tagmask')
  renameSync(join(project, 'package'), installed)
  const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) {
    mkdirSync(join(modules, name, '..'), { recursive: true })
    symlinkSync(join(repository, 'node_modules', name), join(modules, name))
  }
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

function node(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' })
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
    ])
      expect(files).toContain(name)
    expect(
      files.filter(name => /\.(map|tgz)$|\.test\.|^(src|test|bench|dist\/(test|bench|scripts))\//.test(name)),
    ).toEqual([])
    expect(files.filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))).toEqual([])
    expect(readFileSync(join(installed, 'LICENSE'), 'utf8')).toMatch(
      /^MIT License\n\nCopyright \(c\) \d+ tagmask authors\n/,
    )
    for (const name of readdirSync(join(repository, 'recipes'))) expect(files).toContain(`recipes/${name}`)
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

  it('exports nothing that is not there', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>
    }
    for (const target of Object.values(exports))
      for (const file of typeof target === 'string' ? [target] : Object.values(target))
        expect(existsSync(join(installed, file)), file).toBe(true)
    const code =
      "import { readSafetensors, readImage } from 'tagmask/io'; console.log(typeof readSafetensors, typeof readImage)"
    expect(node(['--input-type=module', '-e', code])).toMatchObject({
      status: 0,
      stdout: 'function function\n',
    })
  })
})
