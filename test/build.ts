/** @file Before any test: worker threads and child processes run the built files, which must be those of this source. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export default function build(): void {
  execFileSync(process.execPath, ['scripts/compile.mjs', '--changed'], {
    cwd: join(import.meta.dirname, '..'),
    stdio: 'inherit',
  })
}
