/** @file What a process loads with Debian's libtorch: none of the libraries that it names without using. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repository } from './source-files.ts'

const manifest = JSON.parse(readFileSync(join(repository, 'build/addons/manifest.json'), 'utf8')) as {
  version: string
  path: string
  addon: string
}[]
const system = manifest.find(({ path }) => path === '/usr')

test.skipIf(system === undefined)('no OpenCV, FFmpeg or Qt but for empty files beside the addon', () => {
  const program = `const { tensor } = await import('tagmask/torch')
    const maps = (await import('node:fs')).readFileSync('/proc/self/maps', 'utf8')
    console.log(JSON.stringify([[...tensor([1, 2]).add(tensor([3, 4])).toFloat32Array()], maps]))`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: repository,
    env: { ...process.env, TAGMASK_LIBTORCH: system!.version },
    encoding: 'utf8',
  })
  const [sum, maps] = JSON.parse(out) as [number[], string]
  expect(sum).toEqual([4, 6])
  const files = new Set(maps.split('\n').flatMap(line => /\/.*$/.exec(line)?.[0] ?? []))
  expect([...files].some(file => file.includes('libtorch_cpu'))).toBe(true)
  const unused = [...files].filter(file => /lib(opencv_|avcodec|avformat|swscale|Qt5|gdal)/.test(file))
  for (const file of unused) expect(file).toContain('/unused/')
})
