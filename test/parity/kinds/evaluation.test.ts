import { expect, test } from 'vitest'
import { readSafetensors } from '../../../src/io/safetensors.ts'
import { checkEvaluation } from './evaluation.ts'

test('scores as evaluation.py does', async () => {
  const fixture = await readSafetensors(
    new URL('../fixtures/mctformer_evaluation.safetensors', import.meta.url).pathname,
  )
  const comparisons = checkEvaluation(fixture)
  expect(comparisons.filter(({ ok }) => !ok)).toEqual([])
  expect(comparisons).toHaveLength(10)
})
