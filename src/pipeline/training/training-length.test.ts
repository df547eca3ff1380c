import { expect, test } from 'vitest'
import { createLog } from '../../train/log.ts'
import { parseRecipe } from '../recipe/load.ts'
import { firstTraining } from '../recipe/segment.ts'
import { lengthOf, lengthWords, sayIfOneBatch } from './training-length.ts'

function heard() {
  const lines: string[] = []
  return { lines, log: createLog({ stream: { write: text => lines.push(text.trimEnd()) }, env: {} }) }
}

test('steps make a training longer than its epochs, in whole epochs', () => {
  const { lines, log } = heard()
  const epochs = (steps: number | null, batches: number) => {
    const { unit, count } = lengthOf({ epochs: 8, steps }, { batches, title: 'train', log })
    expect(unit).toBe('epochs')
    return count
  }
  expect([epochs(null, 6), epochs(160, 6), epochs(162, 6), epochs(48, 6), epochs(1, 6)]).toEqual([
    8, 27, 27, 8, 8,
  ])
  expect(lines).toEqual([
    'train: 27 epochs of 6 steps, to have 160 steps or more',
    'train: 27 epochs of 6 steps, to have 162 steps or more',
  ])
  expect([lengthWords({ epochs: 60, steps: null }), lengthWords({ epochs: 60, steps: 160 })]).toEqual([
    '60 epochs',
    '60 epochs, at least 160 steps',
  ])
})

test('without epochs, steps are the length', () => {
  const { lines, log } = heard()
  const settings = { epochs: null, steps: 160 }
  expect(lengthOf(settings, { batches: 6, title: 'train', log })).toEqual({ unit: 'steps', count: 160 })
  expect([lines, lengthWords(settings)]).toEqual([[], '160 steps'])
})

test('epochs of the trainings before the last stand against steps of the last', () => {
  const first = (text: string) => {
    const { segment } = parseRecipe(
      `method: mctformer\nsegment: { steps: 90, retrain: { first: ${text} } }\n`,
      'a',
    )
    const { epochs, steps } = firstTraining(segment!)
    return [epochs, steps]
  }
  expect([first('null'), first('{}'), first('{ epochs: 4 }'), first('{ epochs: 4, steps: 20 }')]).toEqual([
    [30, 90],
    [30, 90],
    [4, null],
    [4, 20],
  ])
})

test('fewer images than a batch are said', () => {
  const { lines, log } = heard()
  for (const images of [
    [1, 2, 3],
    [1, 2, 3, 4],
  ])
    sayIfOneBatch(images, { batchSize: 4, title: 'segment', key: 'segment.batchSize', log })
  expect(lines).toEqual([
    'warning: segment: a batch is 3 images, all that have labels, fewer than segment.batchSize (4)',
  ])
})
