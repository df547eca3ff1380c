/** @file Runs scripts/setup.mjs, which finds or installs libtorch and builds the native addons. Imports no torch. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { packageRoot } from '../../io/package-root.ts'

/** Its output goes to the terminal. Throws InputError on failure; the output says why. */
export function setUp({ libtorch }: { libtorch?: string | undefined } = {}): void {
  const script = join(packageRoot(), 'scripts', 'setup.mjs')
  const args = [script, ...(libtorch === undefined ? [] : ['--libtorch', libtorch])]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) throw new InputError('set-up', 'has failed', { expected: 'the lines above say why' })
}
