/** @file Finds libtorch on this machine and says how to build against it. Node's own modules only. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'

/** The oldest release that native/torch is written for. */
const OLDEST = [1, 13]

/** Debian's name for this processor's folder of libraries. */
export const TRIPLET = `${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch}-linux-gnu`

/** Debian's OpenBLAS whose threads are libtorch's own (OpenMP); the pthread build fights with them. */
export const OPENBLAS_OPENMP = `/usr/lib/${TRIPLET}/openblas-openmp`

/** Where set-up keeps a libtorch that it downloaded. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tagmask')

/**
 * @typedef {object} Libtorch
 * @property {string} version of the headers, as 1.13.0
 * @property {string} source where it was found, in words
 * @property {string} path its folder: the one with include/ and lib/, or /usr
 * @property {string[]} include folders for -I
 * @property {string} lib the folder of libtorch_cpu.so
 * @property {string[]} rpath folders the addon searches at run time, first to last
 * @property {0 | 1} cxx11abi the value of _GLIBCXX_USE_CXX11_ABI it was built with
 * @property {boolean} cuda whether it has a CUDA backend
 * @property {('gloo' | 'nccl')[]} backends what processes can train together with
 */

/**
 * Every usable libtorch, best first: LIBTORCH, the torch of python3, the system's, one downloaded before.
 * `rejected` says in words why others could not be used.
 * @returns {{ found: Libtorch[], rejected: string[] }}
 */
export function findLibtorch() {
  const rejected = []
  const found = []
  const named = process.env.LIBTORCH
  const candidates = [
    named ? [named, 'LIBTORCH'] : undefined,
    [pythonTorch(), 'python3'],
    ['/usr', 'system'],
    ...downloaded().map(folder => [folder, 'downloaded']),
  ]
  for (const [folder, source] of candidates.filter(Boolean)) {
    if (folder === undefined) continue
    const result = describeLibtorch(folder, source)
    if (typeof result !== 'string') found.push(result)
    else if (source !== 'system') rejected.push(`${source}: ${result}`)
    if (typeof result === 'string' && source === 'LIBTORCH') return { found: [], rejected }
  }
  // the same files reached by two ways count once
  const unique = found.filter(
    (a, i) => found.findIndex(b => realpathSync(b.lib) === realpathSync(a.lib)) === i,
  )
  return { found: unique, rejected }
}

/**
 * Describes the libtorch in `folder`: an unpacked archive or a Python package (include/ and lib/), a folder that
 * holds one (`pip install --target`), or /usr. Returns a sentence instead when it cannot be used.
 * @param {string} folder
 * @param {string} source
 * @returns {Libtorch | string}
 */
export function describeLibtorch(folder, source) {
  const path = ['', 'torch', 'libtorch'].map(inner => resolve(folder, inner)).find(hasHeaders)
  if (path === undefined) return `${folder} has no headers of libtorch (include/torch/csrc/api)`
  const system = path === '/usr'
  const lib = system ? `/usr/lib/${TRIPLET}` : join(path, 'lib')
  for (const name of ['libc10.so', 'libtorch_cpu.so']) {
    const size = statSync(join(lib, name), { throwIfNoEntry: false })?.size ?? 0
    if (size < 100_000) return `${join(lib, name)} is ${size === 0 ? 'missing' : 'damaged'}`
  }
  const version = readVersion(join(path, 'include'))
  if (version === undefined) return `${path} has no version.h`
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return `${path} is libtorch ${version}; ${OLDEST.join('.')} or newer is needed`
  }
  const api = join(path, 'include/torch/csrc/api/include')
  const cuda = existsSync(join(lib, 'libtorch_cuda.so'))
  return {
    version,
    source,
    path,
    include: system ? [api] : [join(path, 'include'), api],
    lib,
    rpath: system ? [OPENBLAS_OPENMP] : [lib],
    cxx11abi: usesCxx11Abi(join(lib, 'libc10.so')) ? 1 : 0,
    cuda,
    backends: backendsOf(join(path, 'include'), { cuda }),
  }
}

function hasHeaders(folder) {
  return ['ATen/ATen.h', 'torch/csrc/api/include/torch/version.h'].every(name =>
    existsSync(join(folder, 'include', name)),
  )
}

/** gloo, where its headers are there too (libgloo-dev); beside it NCCL, of a libtorch for CUDA, where its header is. */
function backendsOf(include, { cuda }) {
  const has = name => existsSync(join(include, name))
  const folder = 'torch/csrc/distributed/c10d'
  const needed = [`${folder}/TCPStore.hpp`, `${folder}/ProcessGroupGloo.hpp`, 'gloo/context.h']
  if (!needed.every(has)) return []
  const nccl = cuda && has(`${folder}/ProcessGroupNCCL.hpp`) && has('nccl.h')
  return nccl ? ['gloo', 'nccl'] : ['gloo']
}

function readVersion(include) {
  for (const name of ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h']) {
    if (!existsSync(join(include, name))) continue
    const text = readFileSync(join(include, name), 'utf8')
    const part = key => new RegExp(`#define TORCH_VERSION_${key} (\\d+)`).exec(text)?.[1]
    const parts = ['MAJOR', 'MINOR', 'PATCH'].map(part)
    if (parts.every(value => value !== undefined)) return parts.join('.')
  }
  return undefined
}

/** In the old ABI no function of c10 takes a std::__cxx11::string. */
function usesCxx11Abi(libc10) {
  return /_ZNK?3c10\w*NSt7__cxx1112basic_string/.test(readFileSync(libc10, 'latin1'))
}

/** The folder of python3's torch, without importing it: a broken one must not matter, and import takes seconds. */
function pythonTorch() {
  const code =
    'import importlib.util as u; s = u.find_spec("torch"); ' +
    'print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")'
  try {
    const options = { encoding: 'utf8', timeout: 10_000, cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] }
    return execFileSync('python3', ['-c', code], options).trim() || undefined
  } catch {
    return undefined
  }
}

function downloaded() {
  if (!existsSync(CACHE)) return []
  const folders = readdirSync(CACHE).filter(name => /^libtorch-[\d.]+$/.test(basename(name)))
  return folders
    .sort()
    .reverse()
    .map(name => join(CACHE, name))
}
