/** @file Builds a native addon with npm's node-gyp, once per content of its sources and its libtorch. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, freemem } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { ensureBuildTools } from './install-libtorch.mjs'
import { SetupError, say } from './setup-log.mjs'
import { makeStandIns } from './stand-ins.mjs'

/** A translation unit with libtorch's headers takes this much memory. */
const BYTES_PER_JOB = 1.6e9

/** What native/torch and libtorch's headers want defined for each way of training in several processes. */
const DEFINES = { gloo: ['TAGMASK_GLOO', 'USE_C10D_GLOO'], nccl: ['TAGMASK_NCCL', 'USE_C10D_NCCL'] }

/** Hash of names (in `root`) and contents below `paths`, and of whatever else decides the result. */
export function stampOf(root, paths, ...more) {
  const hash = createHash('sha256')
  for (const path of paths.flatMap(filesBelow))
    hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0')
  for (const text of more) hash.update(JSON.stringify(text) ?? '')
  return hash.digest('hex').slice(0, 16)
}

function filesBelow(path) {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).filter(name => name !== 'build' && name !== 'node_modules')
  return names.sort().flatMap(name => filesBelow(join(path, name)))
}

/** Everything that decides what an addon for this libtorch looks like. */
export function torchStamp(root, libtorch) {
  const { size, mtimeMs } = statSync(join(libtorch.lib, 'libtorch_cpu.so'))
  return stampOf(root, [join(root, 'native/torch')], { ...libtorch, source: '' }, size, mtimeMs)
}

/** Builds native/torch against `libtorch` into `addon`. Throws SetupError, with the compiler's last lines. */
export function buildTorchAddon(folders, libtorch, addon) {
  const { version, include, lib, rpath, cxx11abi, cuda, backends } = libtorch
  const links = [`-L${lib}`, '-Wl,--no-as-needed', ...(cuda ? ['-ltorch', '-ltorch_cuda', '-lc10_cuda'] : [])]
  const variables = {
    libtorch_include: include.map(quote).join(' '),
    libtorch_lib_flags: [...links, '-ltorch_cpu', '-lc10', ...rpath.map(folder => `-Wl,-rpath,${folder}`)]
      .map(quote)
      .join(' '),
    libtorch_std: version.startsWith('1.') ? 'gnu++17' : 'gnu++20',
    libtorch_abi: String(cxx11abi),
    libtorch_defines: [
      ...backends.flatMap(name => DEFINES[name]),
      ...(libtorch.path === '/usr' ? ['TAGMASK_OPENBLAS'] : []),
    ].join(' '),
  }
  say(`building the addon for libtorch ${version} (${libtorch.path}); about half a minute on two cores, once`)
  const standIns = folder => libtorch.path === '/usr' && makeStandIns(lib, folder)
  buildAddon(folders, 'torch', addon, { variables, standIns })
}

/**
 * Builds native/<name> (binding.gyp), tries to load it, and moves tagmask_<name>.node to `addon`. `standIns` makes libraries for the
 * folder unused/ beside it and says whether there are any; without them where it does not load with all symbols found.
 */
export function buildAddon({ root, build }, name, addon, { variables = {}, standIns = () => false } = {}) {
  ensureBuildTools()
  const folder = join(build, 'native', relative(join(build, 'addons'), dirname(addon)))
  mkdirSync(folder, { recursive: true })
  // sources keep their times, so that make compiles only what changed
  cpSync(join(root, 'native', name), folder, { recursive: true, preserveTimestamps: true })
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / BYTES_PER_JOB)))
  const headers = nodeHeaders()
  const common = ['-C', folder, ...(headers === undefined ? [] : ['--nodedir', headers])]
  // binding.gyp asks for node-addon-api from the build folder, which need not lie beside node_modules
  const modules = dirname(dirname(createRequire(join(root, 'package.json')).resolve('node-addon-api')))
  const env = { ...process.env, NODE_PATH: [modules, process.env.NODE_PATH].filter(Boolean).join(':') }
  const gyp = args =>
    spawnSync(process.execPath, [nodeGyp(), ...args], { env, encoding: 'utf8', maxBuffer: 1e9 })
  const defines = Object.entries(variables).map(([key, value]) => `-D${key}=${value}`)
  const configured = gyp(['configure', ...common, '--', ...defines])
  const { status, stdout, stderr } =
    configured.status === 0 ? gyp(['build', ...common, '-j', String(jobs)]) : configured
  const log = join(folder, 'build.log')
  writeFileSync(log, `${stdout}\n${stderr}`)
  const built = join(folder, 'build/Release', `tagmask_${name}.node`)
  if (status !== 0 || !existsSync(built)) {
    const errors = stderr.split('\n').filter(line => /error|fatal|undefined reference|not found/i.test(line))
    for (const line of errors.slice(0, 12)) console.error(`  ${line}`)
    throw new SetupError(`native/${name} could not be compiled; the whole output is in ${log}`)
  }
  const unused = join(dirname(built), 'unused')
  if (standIns(unused) && loading(built, { LD_BIND_NOW: '1' }).status !== 0)
    rmSync(unused, { recursive: true, force: true })
  tryLoading(built, log)
  mkdirSync(dirname(addon), { recursive: true })
  const besideAddon = join(dirname(addon), 'unused')
  rmSync(besideAddon, { recursive: true, force: true })
  if (existsSync(unused)) cpSync(unused, besideAddon, { recursive: true })
  // a running program keeps the old file: rename, never overwrite
  cpSync(built, `${addon}.new`)
  renameSync(`${addon}.new`, addon)
}

function loading(path, env = {}) {
  return spawnSync(process.execPath, ['-e', 'require(process.argv[1])', path], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
}

function tryLoading(path, log) {
  const { status, stderr } = loading(path)
  if (status === 0) return
  const reason =
    stderr.split('\n').find(line => line.startsWith('Error:')) ?? stderr.trim().split('\n').at(-1)
  rmSync(path, { force: true })
  throw new SetupError(`the addon was built but does not load: ${reason} (${log})`)
}

/** npm's own node-gyp: what npm says when it runs us, else what lies in npm's folder. */
function nodeGyp() {
  const npm = process.env.npm_execpath
  const candidates = [
    process.env.npm_config_node_gyp,
    npm === undefined ? undefined : join(dirname(npm), '../node_modules/node-gyp/bin/node-gyp.js'),
    join(dirname(process.execPath), '../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'),
  ]
  const found = candidates.find(path => path?.endsWith('.js') && existsSync(path))
  if (found !== undefined) return found
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
  const globals = execFileSync('npm', ['root', '-g'], options).trim()
  const path = join(globals, 'npm/node_modules/node-gyp/bin/node-gyp.js')
  if (existsSync(path)) return path
  throw new SetupError('npm comes without node-gyp here: run "npm install -g npm" and try again')
}

/** A folder with include/node of this Node's major version; undefined lets node-gyp download the headers. */
function nodeHeaders() {
  const candidates = [
    process.env.npm_config_nodedir,
    join(dirname(process.execPath), '..'),
    '/usr',
    '/usr/local',
  ]
  const major = process.versions.node.split('.')[0]
  return candidates.find(folder => {
    const header = folder === undefined ? '' : join(folder, 'include/node/node_version.h')
    return existsSync(header) && readFileSync(header, 'utf8').includes(`#define NODE_MAJOR_VERSION ${major}`)
  })
}

function quote(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`
}
