/** @file Tests of reading the lists of a JSON object an element at a time, against JSON.parse. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { type JsonElement, readJsonLists, readJsonPlaces } from './json-lists.ts'

/** The elements of a and b in a file of this text. */
async function read(text: string) {
  const root = await temporaryFolder({ 'x.json': text })
  const path = join(root, 'x.json')
  const found: Record<string, JsonElement[]> = { a: [], b: [] }
  const lists = await readJsonLists(path, {
    lists: { a: element => found.a!.push(element), b: element => found.b!.push(element) },
  })
  return { path, lists: [...lists], a: found.a!, b: found.b! }
}

describe('lists of a JSON object', () => {
  it('are those of JSON.parse, whatever else it holds, and lie where they say', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        fc.jsonValue(),
        fc.constantFrom(undefined, 2, '\t'),
        async (a, b, other, indent) => {
          const { path, ...found } = await read(
            JSON.stringify({ other, a, more: { a: [1] }, b }, null, indent),
          )
          const plain = (list: unknown): unknown => JSON.parse(JSON.stringify(list))
          expect(found.a.map(({ value }) => value)).toEqual(plain(a))
          expect(found.b.map(({ value }) => value)).toEqual(plain(b))
          expect(await readJsonPlaces(path, found.b)).toEqual(plain(b))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('are read across the borders of chunks, with a byte order mark', async () => {
    const long = Array.from({ length: 3 }, (_, i) => ({ text: `é"\\${'x'.repeat(3 * 2 ** 20)}`, i }))
    const { a, lists } = await read(`\ufeff${JSON.stringify({ a: long })}`)
    expect(lists).toEqual(['a'])
    expect(a.map(({ value }) => value)).toEqual(long)
  })

  it.each([
    ['', 'is cut short or no JSON'],
    ['[1]', 'is cut short or no JSON'],
    ['{"a": [1, 2', 'is cut short or no JSON'],
    ['{"a": [{} {}]}', 'is cut short or no JSON'],
    ['{"a": [tru]}', 'is cut short or no JSON'],
    ['{"a": []} x', 'is cut short or no JSON'],
    ['{"a": [], "a": [1]}', 'has "a" twice'],
    ['{"a": [1], "a": "b"}', 'has "a" twice'],
    ['{"x": "a", [1]}', 'is cut short or no JSON'],
    ['\0'.repeat(100), 'is cut short or no JSON'],
  ])('of %j are refused', async (text, problem) => {
    await expect(read(text)).rejects.toThrow(problem)
  })

  it('that changed since are refused', async () => {
    const { path, a } = await read('{"a": [{"b": 1}]}')
    await writeFile(path, '{"a": []}')
    await expect(readJsonPlaces(path, a)).rejects.toThrow(
      `${path}: has changed since it was first read; run again`,
    )
  })
})
