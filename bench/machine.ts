/** @file The machine that a measurement is of. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { describe, threads } from '../src/torch/index.ts'

/** Machines of one kind have all of it equal; measurements of other kinds are not compared. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  /** Of libtorch. */
  readonly threads: number
  readonly libtorch: string
  /** MKL, or the kernels of OpenBLAS. */
  readonly blas: string
}

/** This machine, with the libtorch that is loaded. */
export function thisMachine(): Machine {
  const { version, mkl, openblas, openblasCore } = describe()
  return {
    processor: processorName(cpus()[0]?.model ?? '', cpuinfo()),
    cores: availableParallelism(),
    threads: threads(),
    libtorch: version,
    blas: mkl ? 'MKL' : (openblasCore ?? openblas ?? 'none'),
  }
}

/** Its name with family and model: on virtual machines several generations share a name. `cpuinfo`: of /proc. */
export function processorName(name: string, cpuinfo: string): string {
  const of = (key: string): string | undefined => new RegExp(`^${key}\\s*: (\\d+)$`, 'm').exec(cpuinfo)?.[1]
  const [family, model] = [of('cpu family'), of('model')]
  const title = name.trim() || 'unknown'
  return family === undefined || model === undefined ? title : `${title} (family ${family}, model ${model})`
}

function cpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}

export function machineLine({ processor, cores, threads, libtorch, blas }: Machine): string {
  return `${processor}, ${cores} cores, ${threads} threads, libtorch ${libtorch}, ${blas}`
}
