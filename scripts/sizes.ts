/** @file Lines per source file, and the limits we hold ourselves to. `npm run sizes` prints them; fails above a limit. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repository, sourceFiles } from '../test/source-files.ts'

/** Lines of a file at the median, at the 90th percentile, at most. */
export const LIMITS = { median: 150, p90: 350, max: 800 } as const

export interface Sizes {
  readonly files: readonly { readonly file: string; readonly lines: number }[]
  readonly median: number
  readonly p90: number
  readonly max: number
}

/** Sizes of the files in src/, largest first; generated files and tests are left out. */
export function measureSizes(): Sizes {
  const files = sourceFiles('src')
    .filter(file => !file.endsWith('.gen.ts'))
    .map(file => ({ file, lines: readFileSync(join(repository, file), 'utf8').split('\n').length - 1 }))
    .sort((a, b) => b.lines - a.lines)
  const at = (share: number) => files[Math.floor((files.length - 1) * (1 - share))]?.lines ?? 0
  return { files, median: at(0.5), p90: at(0.9), max: at(1) }
}

/** The limits that are exceeded, in words. */
export function brokenLimits({ median, p90, max }: Sizes): string[] {
  const now = { median, p90, max }
  return (['median', 'p90', 'max'] as const)
    .filter(name => now[name] > LIMITS[name])
    .map(name => `${name} is ${now[name]} lines, above ${LIMITS[name]}`)
}

function main(): void {
  const sizes = measureSizes()
  for (const { file, lines } of sizes.files) console.log(`${String(lines).padStart(5)}  ${file}`)
  console.log(`\n${sizes.files.length} files: median ${sizes.median}, p90 ${sizes.p90}, max ${sizes.max}`)
  const broken = brokenLimits(sizes)
  for (const line of broken) console.error(line)
  if (broken.length > 0) process.exitCode = 1
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) main()
