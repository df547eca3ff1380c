/** @file Peers in PyTorch: the authors' own step where a clone of their repository is given, else the same written plainly. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { InputError } from '../src/errors.ts'
import { findPython, type PythonServer, pythonVersion, startPython } from './python-server.ts'
import { REPOSITORIES, type RepositoryName } from './repositories.ts'
import type { Conditions, MissingPeer, Peer } from './row.ts'

const NO_TORCH =
  'give a python with torch and numpy: TAGMASK_TORCH_PYTHON=PYTHON, or apt-get install python3-torch'

/** A peer with its process, which whoever started it closes. */
export type StartedPeer = Peer & { readonly server: PythonServer; readonly close: () => void }

/** The absolute path of a clone; undefined where none is given. Throws InputError where it is no clone of that repository. */
export function clonePath(
  method: RepositoryName,
  { clones }: Pick<Conditions, 'clones'>,
): string | undefined {
  const given = clones[method]
  if (given === undefined) return undefined
  const { url, file } = REPOSITORIES[method]
  if (existsSync(join(given, file))) return resolve(given)
  throw new InputError('--clone', `${given} has no ${file}`, {
    field: method,
    expected: `give a clone of ${url}`,
  })
}

/** The authors' code under bench/peers/SCRIPT, whose first argument is the clone. It computes in fp32, as it does on a CPU. */
export async function authorsPeer(
  { method, script, args }: { method: RepositoryName; script: string; args: readonly string[] },
  conditions: Pick<Conditions, 'clones' | 'peerDefaults' | 'device'> & { readonly threads?: number },
): Promise<StartedPeer | MissingPeer> {
  if (conditions.device !== 'cpu')
    return { missing: "the authors' steps of bench/peers run on the CPU alone" }
  const clone = clonePath(method, conditions)
  const python = findPython('torch, numpy')
  if (clone === undefined) {
    const { url } = REPOSITORIES[method]
    return {
      missing: `give --clone ${method}=PATH, a clone of ${url}${python === undefined ? `, and ${NO_TORCH}` : ''}`,
    }
  }
  if (python === undefined) return { missing: NO_TORCH }
  const peer = await started(script, { python, args: [clone, ...args] }, conditions)
  return { ...peer, name: `authors' code, ${peer.name}`, authors: true }
}

/** bench/peers/plain.py, in the same precision; without arguments there is no peer. */
export async function plainPeer(
  args: readonly string[] | undefined,
  conditions: Pick<Conditions, 'precision' | 'peerDefaults' | 'device'>,
): Promise<StartedPeer | MissingPeer> {
  if (args === undefined) return { missing: undefined }
  const { precision, device } = conditions
  return torchPeer('plain.py', [...args, '--precision', precision, '--device', device], conditions)
}

/** Any script under bench/peers that needs torch and numpy alone. */
export async function torchPeer(
  script: string,
  args: readonly string[],
  conditions: Pick<Conditions, 'peerDefaults'> & { readonly threads?: number },
): Promise<StartedPeer | MissingPeer> {
  const python = findPython('torch, numpy')
  return python === undefined ? { missing: NO_TORCH } : started(script, { python, args }, conditions)
}

async function started(
  script: string,
  { python, args }: { python: string; args: readonly string[] },
  { peerDefaults, threads }: Pick<Conditions, 'peerDefaults'> & { readonly threads?: number },
): Promise<StartedPeer> {
  const options = { python, args, peerDefaults, ...(threads === undefined ? {} : { threads }) }
  const server = await startPython(script, options)
  const name = `PyTorch ${pythonVersion(python, 'torch')}`
  return { name, run: server.run, close: server.close, server }
}
