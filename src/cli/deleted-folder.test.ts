import { spawnSync } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../io/package-root.ts'

it('a working folder that was deleted is named, without a stack', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tagmask-gone-'))
  const command = `cd ${folder} && rmdir ${folder} && ${process.execPath} ${join(packageRoot(), 'bin', 'tagmask')} train mctformer_demo --data .`
  const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  expect(stderr).toBe('error: the current folder no longer exists; change to another one (cd)\n')
  expect(status).toBe(1)
})
