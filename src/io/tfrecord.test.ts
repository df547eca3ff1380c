import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readRecords } from '../../test/read-events.ts'
import { frameRecord } from './tfrecord.ts'

test('records one after another are read back, also up to a cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array(), { maxLength: 5 }), fc.nat(), (records, anywhere) => {
      const file = Buffer.concat(records.map(frameRecord))
      expect(readRecords(file)).toEqual({ records: records.map(one => Buffer.from(one)), torn: 0 })
      const cut = anywhere % (file.length + 1)
      const found = readRecords(file.subarray(0, cut))
      expect(found.records).toEqual(records.slice(0, found.records.length).map(one => Buffer.from(one)))
      const whole = found.records.reduce((sum, { length }) => sum + 16 + length, 0)
      expect(found.torn).toBe(cut - whole)
    }),
  )
})

test("the bytes of TensorBoard's own RecordWriter (2.21.0)", () => {
  const event = Buffer.from('090000c0dcdbc3d5411a0d627261696e2e4576656e743a32', 'hex')
  expect(Buffer.from(frameRecord(event)).toString('hex')).toBe(
    `1800000000000000a37f4b22${event.toString('hex')}973f6fb7`,
  )
})
