import { expect, test } from 'vitest'
import { parseRecipe } from './load.ts'
import { multipliesInBf16, precision } from './precision.ts'

test('bf16 is for processors that multiply in it', () => {
  expect(multipliesInBf16('processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 sse\n')).toBe(true)
  expect(multipliesInBf16('flags\t\t: fpu amx_bf16\n')).toBe(true)
  expect(multipliesInBf16('flags\t\t: fpu avx2 avx512f avx512bw\n')).toBe(false)
  expect(multipliesInBf16('flags\t\t: fpu not_avx512_bf16x\n')).toBe(false)
  expect(multipliesInBf16('')).toBe(false)
})

test('auto is resolved when a recipe is read; what is given stands', () => {
  expect(['fp32', 'bf16']).toContain(precision.parse('auto'))
  expect(precision.parse('bf16')).toBe('bf16')
  expect(precision.parse(undefined)).toBe(precision.parse('auto'))
  expect(parseRecipe('method: mctformer\nprecision: auto\n', 'my.yaml').precision).toBe(
    precision.parse('auto'),
  )
})
