/** @file The libtorch addons that the set-up built. Loads none. */
import { existsSync, readFileSync } from 'node:fs'
import { InputError } from '../errors.ts'
import { addonFile, setupCommand } from './package-root.ts'

/** One of them, an entry of build/addons/manifest.json. */
export interface BuiltAddon {
  readonly version: string
  readonly addon: string
  readonly source: string
  /** What processes can train together with. */
  readonly backends?: readonly ('gloo' | 'nccl')[]
}

/** The built addons, best first. `TAGMASK_LIBTORCH` (a version prefix) picks another. */
export function builtAddons(): readonly BuiltAddon[] {
  const manifest = addonFile('manifest.json')
  if (!existsSync(manifest))
    throw new InputError(manifest, 'libtorch addon not built', { expected: `run: ${setupCommand()}` })
  const all = JSON.parse(readFileSync(manifest, 'utf8')) as BuiltAddon[]
  const wanted = process.env.TAGMASK_LIBTORCH
  const fitting = wanted === undefined ? all : all.filter(({ version }) => version.startsWith(wanted))
  if (fitting.length === 0) {
    throw new InputError(manifest, `no addon for libtorch ${wanted ?? ''}`, {
      field: 'TAGMASK_LIBTORCH',
      expected: `built: ${all.map(({ version }) => version).join(', ') || 'none'}`,
    })
  }
  return fitting
}

/** Whether the one in use was built with c10d. */
export function canTrainTogether(): boolean {
  try {
    return (builtAddons()[0]?.backends?.length ?? 0) > 0
  } catch {
    return false // the command itself will say why
  }
}
