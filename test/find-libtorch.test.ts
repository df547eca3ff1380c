import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = join(import.meta.dirname, '../scripts/find-libtorch.mjs')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tagmask-libtorch-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs an expression over the script's exports, as set-up would before any package is there. */
function evaluate(expression: string, env: Record<string, string> = {}): unknown {
  const code = `import * as find from ${JSON.stringify(script)}; console.log(JSON.stringify(${expression}))`
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], options))
}

const describeFolder = () => evaluate(`find.describeLibtorch(${JSON.stringify(folder)}, 'a test')`)

function write(name: string, content: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), content)
}

/** A folder that looks like libtorch from outside. */
function fake(version: readonly number[], symbol: string): void {
  const names = ['MAJOR', 'MINOR', 'PATCH']
  const defines = names.map((name, i) => `#define TORCH_VERSION_${name} ${version[i]}\n`)
  write('torch/include/ATen/ATen.h', '')
  write('torch/include/torch/csrc/api/include/torch/version.h', defines.join(''))
  write('torch/lib/libc10.so', symbol + '\0'.repeat(200_000))
  write('torch/lib/libtorch_cpu.so', '\0'.repeat(200_000))
}

const NEW_ABI = '_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE'
const OLD_ABI = '_ZN3c105ErrorC1ENS_14SourceLocationESs'

test('a package folder is described, from the folder that pip --target filled too', () => {
  fake([2, 9, 1], NEW_ABI)
  write('torch/lib/libtorch_cuda.so', '')
  const path = join(folder, 'torch')
  expect(describeFolder()).toMatchObject({
    version: '2.9.1',
    path,
    include: [join(path, 'include'), join(path, 'include/torch/csrc/api/include')],
    lib: join(path, 'lib'),
    rpath: [join(path, 'lib')],
    cxx11abi: 1,
    cuda: true,
  })
})

test('the old C++ ABI is told by the symbols', () => {
  fake([2, 3, 0], OLD_ABI)
  expect(describeFolder()).toMatchObject({ cxx11abi: 0, cuda: false })
})

test('what cannot be used is said in words', () => {
  expect(describeFolder()).toMatch(/has no headers of libtorch/)
  fake([1, 8, 1], NEW_ABI)
  expect(describeFolder()).toMatch(/libtorch 1.8.1; 1.13 or newer/)
  fake([2, 9, 1], NEW_ABI)
  write('torch/lib/libtorch_cpu.so', 'cut')
  expect(describeFolder()).toMatch(/libtorch_cpu.so is damaged/)
  rmSync(join(folder, 'torch/lib/libc10.so'))
  expect(describeFolder()).toMatch(/libc10.so is missing/)
})

test("LIBTORCH comes first and is never passed over in silence; python3's torch is found unimported", () => {
  fake([2, 9, 1], NEW_ABI)
  write('torch/__init__.py', 'raise SystemExit("imported")')
  expect(evaluate('find.findLibtorch().found[0]', { LIBTORCH: folder })).toMatchObject({ source: 'LIBTORCH' })
  const wrong = evaluate('find.findLibtorch()', { LIBTORCH: join(folder, 'absent') })
  expect(wrong).toMatchObject({ found: [], rejected: [expect.stringMatching(/^LIBTORCH: .*no headers/)] })
  const byPython = evaluate('find.findLibtorch().found[0]', { LIBTORCH: '', PYTHONPATH: folder })
  expect(byPython).toMatchObject({ version: '2.9.1', source: 'python3' })
})
