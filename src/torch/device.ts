/** @file Devices and threads. */
import { InputError } from '../errors.ts'
import { setupCommand } from '../io/package-root.ts'
import { checkThreads } from '../io/thread-count.ts'
import { type NativeDescription, native } from './native.ts'

/** 'cpu', or 'cuda' / 'cuda:1' where the loaded libtorch sees such a GPU; throws InputError otherwise. */
export function checkDevice(device: string): string {
  if (device === 'cpu') return device
  const index = /^cuda(?::(\d+))?$/.exec(device)
  if (index === null)
    throw new InputError('--device', `unknown device '${device}'`, { expected: "'cpu', 'cuda' or 'cuda:N'" })
  const { cudaDevices, version } = native.describe()
  if (Number(index[1] ?? 0) >= cudaDevices) {
    throw new InputError('--device', `${device}: libtorch ${version} sees ${cudaDevices} CUDA devices`, {
      expected:
        cudaDevices === 0
          ? `use 'cpu', or set LIBTORCH to a CUDA build and run: ${setupCommand()}`
          : `use cuda:0 to cuda:${cudaDevices - 1}`,
    })
  }
  return device
}

/** Throws InputError for more than threadLimit(). */
export function setThreads(count: number): void {
  native.setThreads(checkThreads(count, { source: '--threads' }))
}

export function threads(): number {
  return native.threads()
}

/** Description of the loaded libtorch: version, BLAS, GPUs. */
export function describe(): NativeDescription {
  return native.describe()
}
