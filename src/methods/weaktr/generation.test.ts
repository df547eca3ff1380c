import { describe, expect, test } from 'vitest'
import { checkGeneration, generationOf } from './generation.ts'

const shape = { shape: [1] }
const of = (name: string) => new Map([[`module.adaptive_attention_fusion.${name}`, shape]])
const [first, later, none] = [
  of('fc.0.weight'),
  of('attn_head_ffn.0.weight'),
  new Map([['cls_token', shape]]),
]

test('names tell V1 from the others, metadata V2 from V3', () => {
  expect(generationOf(first)).toEqual(['v1'])
  expect(generationOf(later)).toEqual(['v2', 'v3'])
  expect(generationOf(later, { 'weaktr.generation': 'v2' })).toEqual(['v2'])
  expect(generationOf(later, { 'weaktr.generation': 'v9' })).toEqual(['v2', 'v3'])
  expect(generationOf(none)).toBeUndefined()
})

describe('a file for a recipe', () => {
  const check = (
    weights: typeof first,
    generation: 'v1' | 'v2' | 'v3',
    { chosen = false, written = '' } = {},
  ) =>
    checkGeneration(
      { weights, metadata: written === '' ? {} : { 'weaktr.generation': written }, file: 'a.pth' },
      { generation, isChosen: key => chosen && key === 'model.fusion.generation' },
    )

  test('is refused where nobody has said which generation it is', () => {
    expect(() => check(later, 'v3')).toThrow(
      'a.pth (model.fusion.generation): is a WeakTr V2 or V3, which have the same names and compute different things; --set model.fusion.generation=v2 (published in June 2023) or v3 (since August 2023)',
    )
  })

  test('is refused where it is of another one', () => {
    expect(() => check(first, 'v3', { chosen: true })).toThrow(
      "a.pth (model.fusion.generation): is a WeakTr of generation v1, and the recipe's is v3; --set model.fusion.generation=v1, or another file",
    )
    expect(() => check(later, 'v1', { chosen: true })).toThrow('is a WeakTr of generation v2 or v3')
    expect(() => check(later, 'v3', { chosen: true, written: 'v2' })).toThrow('is a WeakTr of generation v2')
  })

  test('is taken where somebody or the file says it, and where it has no fusion', () => {
    check(later, 'v2', { chosen: true })
    check(later, 'v3', { written: 'v3' })
    check(first, 'v1')
    check(none, 'v3')
  })
})
