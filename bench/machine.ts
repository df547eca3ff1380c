/** @file The machine that a measurement is of. */
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
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    threads: threads(),
    libtorch: version,
    blas: mkl ? 'MKL' : (openblasCore ?? openblas ?? 'none'),
  }
}

export function machineLine({ processor, cores, threads, libtorch, blas }: Machine): string {
  return `${processor}, ${cores} cores, ${threads} threads, libtorch ${libtorch}, ${blas}`
}
