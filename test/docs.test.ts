import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { recipeDocs } from '../scripts/recipe-docs.ts'
import { repository } from './source-files.ts'

const read = (name: string) => readFileSync(join(repository, name), 'utf8')

describe('documents', () => {
  it('docs/recipes.md is what the schema prints (npm run docs)', async () => {
    expect(read('docs/recipes.md')).toBe(await recipeDocs())
  })

  it('docs/dependencies.md has one line for every dependency, and no other', () => {
    const description = JSON.parse(read('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >
    const wanted = [
      ...Object.keys(description.dependencies),
      ...Object.keys(description.devDependencies),
    ].sort()
    const listed = [...read('docs/dependencies.md').matchAll(/^- `([^`]+)`: ./gm)]
      .map(([, name]) => name)
      .sort()
    expect(listed).toEqual(wanted)
  })
})
