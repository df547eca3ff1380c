/**
 * @file Makes a fresh clone ready: npm packages, libtorch, the native addons, the compiled TypeScript. Of the package as npm
 * installs it only libtorch and the addons are missing.
 * Idempotent, and quick when nothing is to be done (--help). Node's own modules only: it runs before npm ci.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildAddon, buildTorchAddon, stampOf, torchStamp } from './build-addon.mjs'
import { isCompiled } from './compile.mjs'
import { describeLibtorch, findLibtorch, OPENBLAS_OPENMP } from './find-libtorch.mjs'
import { aptInstall, canApt, downloadLibtorch } from './install-libtorch.mjs'
import { buildFolder, isClone, root } from './places.mjs'
import { SetupError, say } from './setup-log.mjs'

/** Set before anything else. */
let build = ''
const manifestFile = () => join(build, 'addons/manifest.json')
const failuresFile = () => join(build, 'addons/failed.json')

const USAGE = `node scripts/setup.mjs [--libtorch DIR]

Makes a fresh clone or an installed package ready; quick when nothing is to be done.
  --libtorch DIR  also build for this libtorch (/usr for the system's)`

function readFlags() {
  const options = { libtorch: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
  try {
    return parseArgs({ options }).values
  } catch (cause) {
    throw new SetupError(`${cause.message.replace(/\.? To specify.*/, '')}\n${USAGE}`)
  }
}

async function main() {
  const { libtorch: extra, help = false } = readFlags()
  if (extra === '') throw new SetupError(`--libtorch needs a folder\n${USAGE}`)
  if (help) return console.log(USAGE)
  if (process.platform !== 'linux') throw new SetupError('Linux is needed (on Windows: WSL)')
  build = buildFolder()
  if (isClone) installPackages()
  const compiled = isClone && !isCompiled() ? compileBeside() : undefined
  const first = await setUpLibtorch()
  if (extra !== undefined) {
    const wanted = describeLibtorch(extra, 'added by --libtorch')
    if (typeof wanted === 'string') throw new SetupError(wanted)
    ensureOpenBlas(wanted)
    if (wanted.lib !== first.lib) record(wanted, { first: false })
  }
  setUpPixels()
  await compiled
  const others = readJson(manifestFile(), []).filter(({ version }) => version !== first.version)
  const also = others.length === 0 ? '' : `, also ${others.map(({ version }) => version).join(', ')}`
  say(`ready: libtorch ${first.version} (${first.source}, ${first.path})${also}`)
}

/** npm ci, unless node_modules holds what package-lock.json says. */
function installPackages() {
  const lock = join(root, 'package-lock.json')
  const stampFile = join(root, 'node_modules/.tagmask-lock')
  const installed = join(root, 'node_modules/.package-lock.json')
  const stamp = stampOf(root, [lock])
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  const fresh = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs
  if (!fresh) {
    say('installing npm packages')
    // npm ci refuses when a mirror lacks an optional package of another platform; install keeps to the lock too
    const exact = npm(['ci'])
    const { status, stderr } = exact.status === 0 ? exact : npm(['install', '--no-save'])
    if (status !== 0) {
      console.error(stderr)
      throw new SetupError('the npm packages could not be installed: see above; is the network there?')
    }
  }
  writeFileSync(stampFile, stamp)
}

function npm(args) {
  return spawnSync('npm', [...args, '--no-audit', '--no-fund'], { cwd: root, encoding: 'utf8' })
}

/** Compiles the TypeScript in a process of its own: the addons' compilers leave a processor idle now and then. */
function compileBeside() {
  say('compiling TypeScript')
  const child = spawn(process.execPath, [join(root, 'scripts/compile.mjs')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => output.push(data))
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject).on('close', status => {
      if (status === 0) return resolve()
      console.error(Buffer.concat(output).toString().trim())
      reject(new SetupError('the TypeScript could not be compiled: see above'))
    })
  })
  ended.catch(() => undefined) // awaited once the addons are there
  return ended
}

/** The best libtorch that builds and loads; installs one where there is none. */
async function setUpLibtorch() {
  const search = findLibtorch()
  for (const reason of search.rejected) say(`not used: ${reason}`)
  if (search.found.length === 0 && process.env.LIBTORCH) {
    throw new SetupError('LIBTORCH is set to a folder that cannot be used: mend or unset it')
  }
  const built = firstThatBuilds(search.found)
  if (built !== undefined) return built
  if (canApt() && !search.found.some(({ source }) => source === 'system')) {
    aptInstall(['libtorch-dev', 'libgloo-dev', 'libopenblas0-openmp', 'g++', 'make', 'python3'])
    const installed = firstThatBuilds(
      [describeLibtorch('/usr', 'system')].filter(one => typeof one !== 'string'),
    )
    if (installed !== undefined) return installed
  }
  if (search.found.some(({ source }) => source === 'downloaded' || source === 'system')) {
    throw new SetupError('no libtorch found here can be built against: the reasons are above')
  }
  await downloadLibtorch()
  const after = firstThatBuilds(findLibtorch().found.filter(({ source }) => source === 'downloaded'))
  if (after === undefined)
    throw new SetupError('no libtorch found here can be built against: the reasons are above')
  return after
}

function firstThatBuilds(candidates) {
  const failures = readJson(failuresFile(), {})
  for (const candidate of candidates) {
    ensureOpenBlas(candidate)
    const stamp = torchStamp(root, candidate)
    if (failures[stamp] !== undefined) {
      say(`not used: libtorch ${candidate.version} (${candidate.source}): ${failures[stamp]}`)
      continue
    }
    try {
      record(candidate, { first: true })
      return candidate
    } catch (error) {
      if (!(error instanceof SetupError) || candidate.source === 'LIBTORCH') throw error
      say(`not used: libtorch ${candidate.version} (${candidate.source}): ${error.message}`)
      // the last hope is tried again next time; others are not, for they take minutes
      if (candidate !== candidates.at(-1)) writeJson(failuresFile(), { ...failures, [stamp]: error.message })
    }
  }
  return undefined
}

/** Debian's libtorch is 30 times slower without OpenBLAS, and half as fast with its pthread build. */
function ensureOpenBlas({ source, path }) {
  if (path !== '/usr' || existsSync(join(OPENBLAS_OPENMP, 'libblas.so.3'))) return
  if (canApt() && aptInstall(['libopenblas0-openmp'])) return
  say(`${source} libtorch will be slow: ask for "sudo apt-get install libopenblas0-openmp"`)
}

/** Debian has what processes train together with in a package beside its libtorch. Without it the build goes on. */
function withGloo(libtorch) {
  const { path, source, backends } = libtorch
  if (path !== '/usr' || backends.length > 0) return libtorch
  if (canApt() && aptInstall(['libgloo-dev'])) return describeLibtorch(path, source)
  say(
    'training in several processes is left out: for that "sudo apt-get install libgloo-dev", then set up again',
  )
  return libtorch
}

/** Builds the addon if it is not current and lists it in the manifest, the one to use first. */
function record(found, { first }) {
  const addon = join(build, 'addons', `torch-${found.version}`, 'tagmask_torch.node')
  const listed = readJson(manifestFile(), [])
  const isCurrent = one => {
    const stamp = torchStamp(root, one)
    return listed.some(entry => entry.stamp === stamp && existsSync(resolve(root, entry.addon)))
  }
  const current = isCurrent(found)
  const libtorch = current ? found : withGloo(found)
  if (!current && !isCurrent(libtorch)) buildTorchAddon({ root, build }, libtorch, addon)
  const stamp = torchStamp(root, libtorch)
  const { version, source, path, lib, rpath, cxx11abi, cuda } = libtorch
  const inside = relative(root, addon)
  const entry = {
    version,
    addon: inside.startsWith('..') ? addon : inside,
    source,
    path,
    lib,
    rpath,
    cxx11abi,
    cuda,
    stamp,
  }
  const others = listed.filter(
    one =>
      one.version !== version &&
      existsSync(resolve(root, one.addon)) &&
      existsSync(join(one.lib ?? '', 'libtorch_cpu.so')),
  )
  const manifest = first ? [entry, ...others] : [...others, entry]
  const before = listed.findIndex(one => one.version === version)
  if (!first && before >= 0 && listed.length === manifest.length)
    manifest.splice(before, 0, ...manifest.splice(-1))
  if (JSON.stringify(manifest) !== JSON.stringify(listed)) writeJson(manifestFile(), manifest)
}

/** What has no libtorch in it (Pillow's resize, dense CRF, PAR): one build for all. */
function setUpPixels() {
  const sources = join(root, 'native/pixels')
  if (!existsSync(join(sources, 'binding.gyp'))) return
  const addon = join(build, 'addons/pixels/tagmask_pixels.node')
  const stampFile = `${addon}.stamp`
  const stamp = stampOf(root, [sources])
  if (existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  say('building the resize, the dense CRF and PAR')
  buildAddon({ root, build }, 'pixels', addon)
  writeFileSync(stampFile, stamp)
}

function readJson(path, fallback) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return fallback
  }
}

function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`)
  renameSync(`${path}.new`, path)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  console.error(`set-up: ${error.message}`)
  process.exitCode = 1
}
