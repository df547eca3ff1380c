/** @file The typed operators are printed from their schemas, and the installed libtorch has every one. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { generateOps } from '../scripts/generate-ops.ts'
import { native } from '../src/torch/native.ts'

const schemas = readFileSync('src/torch/ops.schemas.txt', 'utf8')
const lines = schemas.split('\n').filter(line => line !== '' && !line.startsWith('#'))

/** Names of a schema's arguments, in order. */
function argumentNames(schema: string): string[] {
  return [...schema.matchAll(/[\])?\w] (\w+)(?=[,)=])/g)].map(([, name]) => name!)
}

test('ops.gen.ts is current', () => {
  expect(readFileSync('src/torch/ops.gen.ts', 'utf8')).toBe(generateOps(schemas))
})

describe(`libtorch ${native.describe().version}`, () => {
  test.each(lines.map(line => line.slice(line.indexOf(' ') + 1)))('%s', schema => {
    const [, name, overload] = /^(\w+::\w+)(?:\.(\w+))?\(/.exec(schema)!
    const id = native.findOp(name!, overload ?? '')
    expect(id).toBeDefined()
    const wanted = argumentNames(schema.slice(0, schema.lastIndexOf('->')))
    const found = argumentNames(native.schema(id!).slice(0, native.schema(id!).lastIndexOf('->')))
    // Arguments go by position: those we know must come first; newer versions may add some with defaults.
    expect(found.slice(0, wanted.length)).toEqual(wanted)
  })
})

test('a schema that cannot be read is an error, not a wrong function', () => {
  expect(() => generateOps('add aten::add(Unknown self) -> Tensor')).toThrow(/no TypeScript type for Unknown/)
  expect(() =>
    generateOps('add aten::add(Tensor self) -> Tensor\nadd aten::add(Tensor self) -> Tensor'),
  ).toThrow(/two operators/)
})
