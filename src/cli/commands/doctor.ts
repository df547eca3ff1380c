/** @file `tagmask doctor`: what libtorch, BLAS, threads and GPU it found, and what to mend. */
import { buildCommand, type Command } from '@stricli/core'
import type { CliContext } from '../context.ts'

export const doctor: Command<CliContext> = buildCommand<Readonly<Record<never, never>>, [], CliContext>({
  docs: {
    brief: 'What libtorch, BLAS, threads and GPU are found and used, and why',
    fullDescription: `Measures a matrix product and says what slows this machine down and how to mend it.

Examples:
  tagmask doctor`,
  },
  parameters: {},
  async func() {
    const { doctorReport } = await import('../../torch/doctor.ts')
    this.process.stdout.write(`${await doctorReport()}\n`)
  },
})
