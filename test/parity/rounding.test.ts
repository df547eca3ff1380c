import { expect, test } from 'vitest'
import { compareExact, compareFloat } from './comparison.ts'
import type { Fixture } from './fixture.ts'
import { allowRounding } from './rounding.ts'

const fixture = (deviations: Readonly<Record<string, number>>): Fixture => ({
  path: 'x.safetensors',
  tensors: new Map(),
  metadata: { fp64_max_abs_dev: JSON.stringify(deviations) },
})

test('a file says which of its tensors rounding moves; only they have another bar, and only one ten times as wide', () => {
  const above = compareFloat('grad.a', [1, 2.01], [1, 2], 1e-3)
  const allow = (deviation: number) => allowRounding(fixture({ 'grad.a': deviation }), [above])[0]!
  expect(allow(0.0005)).toMatchObject({ ok: false })
  expect(allow(0.002)).toMatchObject({ ok: true, tolerance: 0.02, bar: 'absolute' })
  expect(allow(0.002).note).toBe("rounding moves the original's by 2.0e-3")
  expect(allow(0)).toBe(above)
  expect(allowRounding(fixture({ 'grad.b': 1 }), [above])).toEqual([above])
})

test('what is within its bar, and what must be exact, stays as it is', () => {
  const fine = compareFloat('a', [1], [1], 1e-3)
  const wrong = compareExact('b', [1], [2])
  expect(allowRounding(fixture({ a: 1, b: 1 }), [fine, wrong])).toEqual([fine, wrong])
})
