import { expect, it } from 'vitest'
import { addressOf, photoAddress } from './address.ts'

it('addresses are relative, each part escaped; a page may lie beside, above or below its photos', () => {
  expect(photoAddress('/runs/a', '/runs/a/x.jpg')).toBe('x.jpg')
  expect(photoAddress('/runs/a', '/my photos/50 % #1?.JPG')).toBe('../../my%20photos/50%20%25%20%231%3F.JPG')
})

it('photos that no browser shows have none, nor have names with halves of characters', () => {
  expect(photoAddress('/runs/a', '/p/x.tif')).toBeUndefined()
  expect(photoAddress('/runs/a', '/p/\ud800.jpg')).toBeUndefined()
  expect(addressOf('\ud800')).toBeUndefined()
})
