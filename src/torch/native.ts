/** @file Loads the libtorch addon that the set-up built: the right BLAS kernels and thread count first. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { InputError } from '../errors.ts'
import { addonFile, packageRoot, setupCommand } from '../io/package-root.ts'
import { type OperatorProfile, provideOperators } from '../io/profile.ts'
import { defaultThreads } from '../io/thread-count.ts'

/** A tensor on the native side; opaque. */
export type Handle = { readonly __handle: unique symbol }

/** Exports of the addon; see native/torch. */
export interface Native {
  findOp(name: string, overload: string): number | undefined
  schema(op: number): string
  invoke(op: number, args: readonly unknown[]): unknown
  invokeAsync(op: number, args: readonly unknown[]): Promise<unknown>
  fromBytes(bytes: ArrayBufferView, dtype: number, shape: readonly number[]): Handle
  toBytes(tensor: Handle): ArrayBuffer
  dispose(tensor: Handle): void
  isDisposed(tensor: Handle): boolean
  shape(tensor: Handle): number[]
  dtype(tensor: Handle): number
  device(tensor: Handle): string
  item(tensor: Handle): number | boolean
  isContiguous(tensor: Handle): boolean
  defineFunction(
    label: string,
    inputs: readonly Handle[],
    outputs: readonly Handle[],
    saved: readonly Handle[],
    derivative: (gradients: (Handle | undefined)[], saved: Handle[]) => (Handle | undefined)[],
  ): void
  backward(outputs: readonly Handle[], gradients: readonly Handle[] | undefined, keepGraph: boolean): void
  backwardAsync(outputs: readonly Handle[], keepGraph: boolean): Promise<void>
  grad(tensor: Handle): Handle | undefined
  setGrad(tensor: Handle, gradient: Handle | undefined): void
  requiresGrad(tensor: Handle): boolean
  setRequiresGrad(tensor: Handle, on: boolean): void
  gradMode(): boolean
  setGradMode(on: boolean): boolean
  manualSeed(seed: number): void
  randomState(device: string): Handle
  setRandomState(device: string, state: Handle): void
  setThreads(count: number): void
  /** As setThreads, but only the first call of the process counts. */
  startThreads(count: number): void
  threads(): number
  enterAutocast(device: string, dtype: number | undefined): void
  leaveAutocast(off: boolean): void
  holdCasts(on: boolean): void
  memory(): { live: number; used: number; peak: number; cached: number; limit: number }
  resetPeak(): void
  emptyCache(): void
  startProfile(): void
  stopProfile(): OperatorProfile
  describe(): NativeDescription
  /** Whether there are any: the rest below is there only then. */
  distributedBackends(): Backend[]
  joinGroup(options: NativeJoin): Promise<GroupHandle>
  leaveGroup(group: GroupHandle): Promise<void>
  disconnectGroup(group: GroupHandle): void
  storeSet(group: GroupHandle, key: string, value: string): void
  storeGet(group: GroupHandle, key: string): string | undefined
  silences(group: GroupHandle): number[]
  broadcast(group: GroupHandle, tensors: readonly Handle[], root: number): Promise<void>
  allReduce(group: GroupHandle, tensors: readonly Handle[]): Promise<void>
  allReduceNow(group: GroupHandle, tensor: Handle): void
  openReducer(group: GroupHandle, leaves: readonly Handle[], bucketBytes: number): ReducerHandle
  beginReducer(reducer: ReducerHandle, weight: number): void
  finishReducer(reducer: ReducerHandle): Promise<number>
  closeReducer(reducer: ReducerHandle): void
}

/** What processes can train together with. */
export type Backend = 'gloo' | 'nccl'

/** A process group, and a reducer of gradients, on the native side; opaque. */
export type GroupHandle = { readonly __group: unique symbol }
export type ReducerHandle = { readonly __reducer: unique symbol }

export interface NativeJoin {
  readonly rank: number
  readonly size: number
  readonly host: string
  readonly port: number
  readonly joinMs: number
  readonly silenceMs: number
}

/** Description of the loaded libtorch. */
export interface NativeDescription {
  readonly version: string
  readonly config: string
  readonly parallel: string
  readonly mkl: boolean
  readonly mkldnn: boolean
  readonly cudaDevices: number
  readonly libraries: readonly string[]
  readonly openblas?: string
  readonly openblasCore?: string
}

/** One addon built by the set-up, an entry of build/addons/manifest.json. */
export interface BuiltAddon {
  readonly version: string
  readonly addon: string
  readonly source: string
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

// A thread that waits for the others spins for milliseconds unless told; beside a busy neighbour that is most of the time.
function chooseWaiting(): void {
  if (process.env.OMP_WAIT_POLICY === undefined) process.env.GOMP_SPINCOUNT ??= '5000'
}

// OpenBLAS 0.3.21 does not know newer AVX-512 processors and falls back to AVX2 kernels: name one that it knows.
function chooseKernels(): void {
  if (process.platform !== 'linux' || !existsSync('/proc/cpuinfo')) return
  const flags = readFileSync('/proc/cpuinfo', 'utf8').match(/^flags\s*:(.*)$/m)?.[1] ?? ''
  const has = (flag: string): boolean => flags.includes(` ${flag}`)
  if (has('avx512f') && has('avx512dq') && has('avx512bw') && has('avx512vl')) {
    process.env.OPENBLAS_CORETYPE ??= 'SkylakeX'
    process.env.ATEN_CPU_CAPABILITY ??= 'avx512' // libtorch takes its AVX2 kernels unless told
  }
}

function load(): Native {
  const threads = defaultThreads()
  const [first] = builtAddons()
  const path = first!.addon
  chooseKernels()
  chooseWaiting()
  const addon = createRequire(import.meta.url)(resolve(packageRoot(), path)) as Native
  // libtorch takes one thread on a two-core machine.
  addon.startThreads(threads)
  provideOperators({ start: () => addon.startProfile(), stop: () => addon.stopProfile() })
  return addon
}

/** The addon, loaded at first import. */
export const native: Native = load()
