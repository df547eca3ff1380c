/**
 * @file Empty libraries in place of those that libtorch names without using: Debian's libtorch 1.13 was linked to OpenCV and
 * FFmpeg, which bring 214 libraries, half of its start and 65 MB into each process (docs/adr/0009-stand-ins.md).
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Not what other libraries of libtorch may use, such as OpenCL (oneDNN) and ZeroMQ. */
const UNUSED = /^lib(opencv_\w+|avcodec|avformat|avutil|swscale|swresample)\.so\.\d+$/

/** Makes them in `folder`, each with the name under which `libtorch_cpu.so` in `lib` asks for it. Whether there are any. */
export function makeStandIns(lib, folder) {
  rmSync(folder, { recursive: true, force: true })
  const { stdout } = spawnSync('readelf', ['-d', join(lib, 'libtorch_cpu.so')], { encoding: 'utf8' })
  const names = [...(stdout ?? '').matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)
  const unused = names.filter(name => UNUSED.test(name))
  if (unused.length === 0) return false
  mkdirSync(folder, { recursive: true })
  const made = unused.every(name => {
    const args = [
      '-shared',
      '-nostdlib',
      `-Wl,-soname,${name}`,
      '-x',
      'c++',
      '/dev/null',
      '-o',
      join(folder, name),
    ]
    return spawnSync('g++', args).status === 0
  })
  if (!made) rmSync(folder, { recursive: true, force: true })
  return made
}
