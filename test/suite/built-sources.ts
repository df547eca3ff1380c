/** @file Tests load what is below src/ as it is built in dist/: Node reads it at once, while vite would send each file by itself. */
import { join, resolve } from 'node:path'
import type { Plugin } from 'vite'

export function builtSources(root: string): Plugin {
  const [sources, built] = ['src', 'dist/src'].map(folder => `${join(root, folder)}/`) as [string, string]
  return {
    name: 'built-sources',
    enforce: 'pre',
    resolveId(id, importer) {
      if (!id.startsWith('.') || importer === undefined) return undefined
      const file = resolve(importer, '..', id)
      const isSource = file.startsWith(sources) && /(?<!\.test)\.ts$/.test(file)
      return isSource ? built + file.slice(sources.length).replace(/ts$/, 'js') : undefined
    },
  }
}
