import { appendFile, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { type MetricsRecord, openMetrics, readMetrics } from './metrics.ts'

let path = ''

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'tagmask-')), 'metrics.jsonl')
})

const step = (index: number): MetricsRecord => ({ kind: 'step', step: index, loss: 1 / (index + 1) })

async function write(
  records: readonly MetricsRecord[],
  options?: { resume: { step: number; epoch: number; validated: number } },
) {
  const writer = await openMetrics(path, options)
  for (const record of records) await writer.append(record)
  await writer.close()
}

describe('metrics.jsonl', () => {
  it('holds what was written', async () => {
    await write([step(0), step(1)])
    expect(await readMetrics(path)).toEqual([step(0), step(1)])
    expect(await readFile(path, 'utf8')).toBe(
      '{"kind":"step","step":0,"loss":1}\n{"kind":"step","step":1,"loss":0.5}\n',
    )
  })

  it('is empty when there is no file', async () => {
    expect(await readMetrics(path)).toEqual([])
  })

  it('begins anew without a step to resume from', async () => {
    await write([step(0), step(1)])
    await write([step(0)])
    expect(await readMetrics(path)).toEqual([step(0)])
  })

  it('drops what came after the checkpoint when resuming', async () => {
    await write([step(0), step(1), step(2), step(3)])
    await write([step(2), step(3), step(4)], { resume: { step: 2, epoch: 0, validated: 0 } })
    expect(await readMetrics(path)).toEqual([0, 1, 2, 3, 4].map(step))
  })

  it('drops what was written at the end of an epoch that is to be ended again', async () => {
    const end = (epoch: number): MetricsRecord => ({ kind: 'epoch', step: 2 * epoch + 1, epoch, loss: 1 })
    await write([step(0), step(1), end(0), step(2), step(3), end(1)])
    await write([end(1)], { resume: { step: 4, epoch: 1, validated: 0 } })
    expect(await readMetrics(path)).toEqual([step(0), step(1), end(0), step(2), step(3), end(1)])
  })

  it('keeps the validations before the checkpoint, also those in the middle of its epoch', async () => {
    const judged = (index: number): MetricsRecord => ({ kind: 'validation', step: index, epoch: 0, mAP: 50 })
    await write([step(0), step(1), judged(1), step(2), step(3), judged(3)])
    await write([judged(3)], { resume: { step: 4, epoch: 0, validated: 2 } })
    expect(await readMetrics(path)).toEqual([step(0), step(1), judged(1), step(2), step(3), judged(3)])
  })

  it('survives a cut at any byte: the resumed file equals the uninterrupted one', async () => {
    const records = [0, 1, 2, 3, 4, 5].map(step)
    await write(records)
    const whole = await readFile(path)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length }), async cut => {
        await writeFile(path, whole.subarray(0, cut))
        const kept = await readMetrics(path)
        expect(kept).toEqual(records.slice(0, kept.length))
        await write(records.slice(kept.length), { resume: { step: kept.length, epoch: 0, validated: 0 } })
        expect(await readFile(path)).toEqual(whole)
      }),
      { numRuns: 60 },
    )
  })

  it('names a broken line that is not the last', async () => {
    await write([step(0)])
    await appendFile(path, 'not json\n{"kind":"step","step":1}\n')
    await expect(readMetrics(path)).rejects.toThrow(
      `${path}:2: is not a record of metrics; every line is a JSON object with kind and step; delete the line`,
    )
  })

  it('writes a number that JSON does not have as null', async () => {
    await write([{ kind: 'step', step: 0, loss: Number.NaN }])
    expect(await readMetrics(path)).toEqual([{ kind: 'step', step: 0, loss: null }])
  })
})
