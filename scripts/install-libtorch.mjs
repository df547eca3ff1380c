/** @file Installs what the build needs: by apt where this is root on Debian, else the official archive. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CACHE } from './find-libtorch.mjs'
import { SetupError, say } from './setup-log.mjs'

/** PyTorch's own CPU archive; the checksum is the one CMake and CI files of several projects pin. */
const ARCHIVE = {
  version: '2.5.1',
  url: 'https://download.pytorch.org/libtorch/cpu/libtorch-cxx11-abi-shared-with-deps-2.5.1%2Bcpu.zip',
  sha256: '618ca54eef82a1dca46ff1993d5807d9c0deb0bae147da4974166a147cb562fa',
}

const BY_HAND = 'run "python3 -m pip install torch", or set LIBTORCH to a folder with its include/ and lib/'

/** Whether packages can be installed here without asking anybody. */
export function canApt() {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get') && existsSync('/etc/debian_version')
}

let updated = false

/** Installs Debian packages; returns whether that worked. The lists are fetched once a run. */
export function aptInstall(packages) {
  say(`installing by apt: ${packages.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = args => spawnSync('apt-get', ['-q', ...args], { env, encoding: 'utf8' })
  if (!updated) apt(['update'])
  updated = true
  const { status, stderr } = apt(['install', '-y', '--no-install-recommends', ...packages])
  if (status !== 0) say(`apt could not: ${stderr.trim().split('\n').at(-1)}`)
  return status === 0
}

/** Makes sure of a C++ compiler, make and python3 (which node-gyp runs). */
export function ensureBuildTools() {
  const packages = { 'g++': 'g++', make: 'make', python3: 'python3' }
  const missing = Object.keys(packages).filter(tool => !isOnPath(tool))
  if (missing.length === 0) return
  const wanted = missing.map(tool => packages[tool])
  if (canApt() && aptInstall(wanted)) return
  throw new SetupError(
    `${missing.join(', ')} missing: run "sudo apt-get install ${wanted.join(' ')}" or its like`,
  )
}

function isOnPath(tool) {
  return (process.env.PATH ?? '').split(':').some(folder => folder !== '' && existsSync(join(folder, tool)))
}

/** Downloads, checks and unpacks libtorch into the user's cache. Throws SetupError in one sentence. */
export async function downloadLibtorch() {
  if (process.arch !== 'x64')
    throw new SetupError(`no libtorch found, and none to download for ${process.arch}: ${BY_HAND}`)
  const target = join(CACHE, `libtorch-${ARCHIVE.version}`)
  const zip = join(CACHE, `libtorch-${process.pid}.zip`)
  const unpacked = join(CACHE, `unpacked-${process.pid}`)
  try {
    mkdirSync(CACHE, { recursive: true })
    say(`downloading libtorch ${ARCHIVE.version} for the CPU (about 200 MB) into ${CACHE}`)
    const sha256 = await download(ARCHIVE.url, zip)
    if (sha256 !== ARCHIVE.sha256) throw new Error(`its checksum is ${sha256}, not ${ARCHIVE.sha256}`)
    execFileSync('python3', ['-m', 'zipfile', '-e', zip, unpacked], { stdio: 'ignore' })
    rmSync(target, { recursive: true, force: true })
    renameSync(join(unpacked, 'libtorch'), target)
  } catch (error) {
    const reason = error.cause?.message ?? error.message
    throw new SetupError(`no libtorch found, and the download failed (${reason}): ${BY_HAND}`)
  } finally {
    rmSync(zip, { force: true })
    rmSync(unpacked, { recursive: true, force: true })
  }
}

async function download(url, path) {
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`)
  const hash = createHash('sha256')
  const hashing = new Transform({
    transform(chunk, _, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  await pipeline(response.body, hashing, createWriteStream(path))
  return hash.digest('hex')
}
