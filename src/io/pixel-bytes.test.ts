import { expect, test } from 'vitest'
import { encodeImage } from './image.ts'
import { encodeLabelMap } from './indexed-png.ts'

test('bytes that do not match the size are an error of the input', async () => {
  const four = { width: 3, height: 3, data: new Uint8Array(4) }
  expect(() => encodeLabelMap(four)).toThrow(
    'label map (data): has 4 bytes for 3 x 3 pixels; a Uint8Array of 9 is needed, row by row',
  )
  await expect(encodeImage(four)).rejects.toThrow(
    'image (data): has 4 bytes for 3 x 3 pixels; a Uint8Array of 27 is needed, RGB row by row',
  )
  expect(() => encodeLabelMap({ ...four, width: 0 })).toThrow(
    'label map (data): has 4 bytes for 0 x 3 pixels; its sides are whole numbers above 0',
  )
})
