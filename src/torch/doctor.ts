/** @file `tagmask doctor`: libtorch, BLAS, threads and GPU in use, their speed, and what to fix. */
import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot, setupCommand } from '../io/package-root.ts'
import { textOf } from '../io/printable.ts'
import { loadSharp } from '../io/sharp.ts'
import { measureProducts, type Speed } from './measure.ts'
import { type BuiltAddon, builtAddons, type NativeDescription, native } from './native.ts'

/** A page of text for the terminal. */
export async function doctorReport(): Promise<string> {
  const [used, ...others] = builtAddons()
  const description = native.describe()
  const backends = native.distributedBackends()
  const speed = measureProducts()
  const otherSpeeds = others.flatMap(addon => measureElsewhere(addon) ?? [])
  const findings = [
    ...advice(description, [speed, ...otherSpeeds]),
    ...(backends.length === 0 ? [NO_GLOO] : []),
    ...imageReader(),
  ]
  return [
    'Processor',
    `  ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    'libtorch',
    `  ${description.version} (${used!.source}), ${resolve(packageRoot(), used!.addon)}`,
    '  why: LIBTORCH first, then the torch of python3, then the system; TAGMASK_LIBTORCH=VERSION picks another',
    'BLAS and threads',
    ...description.libraries.map(path => `  ${path}`),
    `  ${description.mkl ? 'MKL' : (description.openblas ?? 'no OpenBLAS and no MKL')}`,
    `  ${speed.threads} compute threads on ${availableParallelism()} cores`,
    `  libtorch's own kernels: ${/CPU capability usage: (.*)/.exec(description.config)?.[1] ?? 'unknown'}`,
    'GPU',
    description.cudaDevices > 0
      ? `  ${description.cudaDevices} CUDA devices`
      : '  none that this libtorch sees',
    'Training in several processes',
    `  ${backends.length === 0 ? 'left out of this build' : backends.join(', ')}`,
    'Matrix products [3456, 384] x [384, 1536], GFLOP/s',
    ...[speed, ...otherSpeeds].map(
      ({ version, fp32, bf16 }, i) =>
        `  libtorch ${version.padEnd(8)} fp32 ${fp32.toFixed(0).padStart(5)}   bf16 ${bf16.toFixed(0).padStart(5)}${i === 0 ? '   in use' : ''}`,
    ),
    findings.length === 0 ? 'Nothing to fix.' : 'To fix',
    ...findings.map(finding => `  - ${finding}`),
  ].join('\n')
}

/** Debian's libtorch has gloo in it; its headers are in another package. The archives of 2.x come without them. */
const NO_GLOO = `several processes cannot train together: for Debian's libtorch apt-get install libgloo-dev, then ${setupCommand()}`

function imageReader(): string[] {
  try {
    loadSharp()
    return []
  } catch (error) {
    return [textOf(error)]
  }
}

function measureElsewhere({ version }: BuiltAddon): Speed | undefined {
  const program = fileURLToPath(new URL('./measure.js', import.meta.url))
  try {
    const env = { ...process.env, TAGMASK_LIBTORCH: version }
    return JSON.parse(
      execFileSync(process.execPath, [program, '--measure-products'], { env, encoding: 'utf8' }),
    ) as Speed
  } catch {
    return undefined // the library was moved or removed since the set-up
  }
}

function advice(
  { libraries, mkl, openblas, openblasCore }: NativeDescription,
  [used, ...others]: readonly Speed[],
): string[] {
  const found: string[] = []
  const faster = others.find(other => other.fp32 > 1.15 * used!.fp32)
  if (faster !== undefined) {
    found.push(`libtorch ${faster.version} is faster here in fp32: set TAGMASK_LIBTORCH=${faster.version}`)
  }
  if (!mkl && openblas === undefined) {
    found.push(
      'no optimised BLAS: matrix products are about 30 times slower; run as root: apt-get install libopenblas0-openmp',
    )
  }
  if (libraries.some(path => path.includes('openblas-pthread'))) {
    found.push(
      `OpenBLAS's pthread build is loaded: its threads fight libtorch's; apt-get install libopenblas0-openmp, then ${setupCommand()}`,
    )
  }
  if (openblasCore === 'Haswell' || openblasCore === 'Zen') {
    found.push(
      `OpenBLAS uses ${openblasCore} kernels (AVX2); on an AVX-512 processor unset OPENBLAS_CORETYPE`,
    )
  }
  if (used!.threads < availableParallelism()) {
    found.push(`${used!.threads} compute threads on ${availableParallelism()} cores: unset TAGMASK_THREADS`)
  }
  return found
}
