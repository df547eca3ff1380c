import { expect, test } from 'vitest'
import { withCleanUp } from './clean-up.ts'

test('everything noted is undone, the last first, whichever way the work ends', async () => {
  const undone: string[] = []
  const done = await withCleanUp(async later => {
    later(() => undone.push('network'))
    later(async () => undone.push('loader'))
    return 7
  })
  expect([done, undone]).toEqual([7, ['loader', 'network']])
  undone.length = 0
  const failing = withCleanUp(async later => {
    later(() => undone.push('network'))
    later(() => Promise.reject(new Error('second')))
    throw new Error('first')
  })
  await expect(failing).rejects.toThrow('first')
  expect(undone).toEqual(['network'])
  const closing = withCleanUp(async later => later(() => Promise.reject(new Error('cannot be closed'))))
  await expect(closing).rejects.toThrow('cannot be closed')
})
