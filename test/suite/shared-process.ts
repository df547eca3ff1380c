/**
 * @file Test files that may share a process: those of src/ that do not look at the process itself. A start with libtorch takes a
 * second or two. What a test file changes of libtorch's state, such as its seed, later ones set for themselves.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../source-files.ts'

const OF_THE_PROCESS = /memoryUsage|resourceUsage|maxRSS|process\.(?:env|chdir|on)\b|\bgc\(/

/** Paths relative to the repository. */
export function sharedTests(): string[] {
  return readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' })
    .map(file => join('src', file))
    .filter(
      file => file.endsWith('.test.ts') && !OF_THE_PROCESS.test(readFileSync(join(repository, file), 'utf8')),
    )
    .sort()
}
