/** @file `tagmask doctor`: libtorch, BLAS, threads and GPU in use, and what to fix. */
import { buildCommand, type Command } from '@stricli/core'
import type { CliContext } from '../context.ts'
import { type OutputFlags, profileFlag } from '../run-flags.ts'

export const doctor: Command<CliContext> = buildCommand<Pick<OutputFlags, 'profile'>, [], CliContext>({
  docs: {
    brief: 'Show libtorch, BLAS, threads and GPU in use, and why',
    fullDescription: `Measures a matrix product and says what slows this machine down and how to fix it.

Examples:
  tagmask doctor`,
  },
  parameters: { flags: profileFlag },
  async func({ profile }) {
    this.openLog({ profile })
    const { doctorReport } = await import('../../torch/doctor.ts')
    this.process.stdout.write(`${await doctorReport()}\n`)
  },
})
