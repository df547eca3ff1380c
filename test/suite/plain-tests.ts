/**
 * @file Test files that may share a process: those of src/ that neither load libtorch, now or later, nor look at the process
 * itself. The addon holds process-wide state, and a peak of memory is one of the process.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importsOf, repository } from '../source-files.ts'

const OF_THE_PROCESS = /memoryUsage|resourceUsage|maxRSS|process\.(?:env|chdir|on)\b|\bgc\(/

/** Paths relative to the repository. */
export function plainTests(): string[] {
  return readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' })
    .map(file => join('src', file))
    .filter(file => file.endsWith('.test.ts') && isPlain(file))
    .sort()
}

function isPlain(test: string): boolean {
  if (OF_THE_PROCESS.test(readFileSync(join(repository, test), 'utf8'))) return false
  return ![...reachedFrom(test)].some(file => file.startsWith('src/torch/') || file.startsWith('src/refine/'))
}

const imports = new Map<string, string[]>()

/** Files that are loaded with a file, or on demand. */
function reachedFrom(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  if (!imports.has(file))
    imports.set(
      file,
      importsOf(file).flatMap(({ to, kind }) => (kind === 'type' || !to.endsWith('.ts') ? [] : [to])),
    )
  for (const to of imports.get(file)!) reachedFrom(to, seen)
  return seen
}
