/** @file The source files and what they import, for the tests of structure. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { packageRoot } from '../src/io/package-root.ts'

/** One import of a file in the repository. */
export interface Import {
  /** Path of the imported file, relative to the repository. */
  readonly to: string
  /** `type` imports vanish when compiled; `dynamic` ones are loaded when needed. */
  readonly kind: 'static' | 'type' | 'dynamic'
}

/** Its root, from the sources and from dist/ alike. */
export const repository = packageRoot()

/** TypeScript files below a folder of the repository without tests, as paths relative to the repository. */
export function sourceFiles(folder: string): string[] {
  return readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('.d.ts'))
    .map(file => join(folder, file))
    .sort()
}

const IMPORT =
  /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/gm

/** Imports of repository files, in order. `import { type A }` alone counts as static: node may still load the file. */
export function importsOf(file: string): Import[] {
  const text = withoutComments(readFileSync(join(repository, file), 'utf8'))
  return [...text.matchAll(IMPORT)].map(([, type, fixed, dynamic]) => ({
    to: relative(repository, resolve(repository, dirname(file), fixed ?? dynamic ?? '')),
    kind: dynamic !== undefined ? 'dynamic' : type !== undefined ? 'type' : 'static',
  }))
}

/** Packages a file imports when loaded (not type imports). */
export function packagesOf(file: string): string[] {
  const text = withoutComments(readFileSync(join(repository, file), 'utf8'))
  return [
    ...text.matchAll(/^(?:import|export)\s+(?!type\s)(?:[^'";]*?\sfrom\s+)?['"]([^.'"][^'"]*)['"]/gm),
  ].map(([, name]) => name!)
}

/** Files that are loaded when `file` is, itself included. */
export function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const { to, kind } of importsOf(file)) if (kind === 'static') loadedWith(to, seen)
  return seen
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
}
