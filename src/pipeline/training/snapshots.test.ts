import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { readSnapshots } from './snapshots.ts'

test('damaged lines are left out, and a file full of them is read at once', async () => {
  const whole = { step: 4, images: [{ name: 'CAMs/a, cat', file: '4/0.webp' }] }
  const lines = [
    'null',
    '{"step":2,"images":[null]}',
    '{"step":3,"images":[{"name":1,"file":"a"}]}',
    JSON.stringify(whole),
  ]
  const root = await temporaryFolder({ 'snapshots.jsonl': `${']}\n'.repeat(500_000)}${lines.join('\n')}` })
  const before = process.cpuUsage()
  expect(await readSnapshots(root)).toEqual([whole])
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1e6).toBeLessThan(1)
})
