/** @file `tagmask doctor`: libtorch, BLAS, threads and GPU in use, and what to fix. */
import { buildCommand, type Command } from '@stricli/core'
import type { CliContext } from '../context.ts'

export const doctor: Command<CliContext> = buildCommand<Readonly<Record<never, never>>, [], CliContext>({
  docs: {
    brief: 'Show libtorch, BLAS, threads and GPU in use, and why',
    fullDescription: `Measures a matrix product and says what slows this machine down and how to fix it.

Examples:
  tagmask doctor`,
  },
  parameters: {},
  async func() {
    const { doctorReport } = await import('../../torch/doctor.ts')
    this.process.stdout.write(`${await doctorReport()}\n`)
  },
})
