import { execFileSync } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refusal, said } from '../../test/dataset-words.ts'
import { temporaryFolder as folder } from '../../test/temporary-folder.ts'
import { openDataset } from './dataset.ts'
import { openImages } from './folder.ts'

test('are named or counted; what sharp reads is read', async () => {
  const root = await folder({
    ...Object.fromEntries(
      'jpeg,jpe,jfif,webp,TIF,tiff,gif,avif'.split(',').map(end => [`images/x${end}.${end}`, '']),
    ),
    'images/p.HEIC': '',
    'images/q.cr2': '',
    'images/r.bmp': '',
    'images/list.xls': '',
    'images/.hidden.jpg': '',
    'images/.thumbs/t.jpg': '',
    'images/__MACOSX/m.jpg': '',
    'images/Thumbs.db': '',
    'images/.DS_Store': '',
    'tags.csv': 'file,tags\nxjpeg,cat\nxgif,dog\np.HEIC,cat\n',
  })
  const { samples } = await openDataset(root)
  expect(samples).toHaveLength(8)
  const { warnings, notes } = await said(root)
  expect(warnings.slice(0, 2)).toEqual([
    'ROOT/images: 3 images are not read (HEIC, RAW, BMP): p.HEIC, q.cr2, r.bmp; convert them to JPEG or PNG, as with heif-convert, ImageMagick or the export of a photo program',
    '6 images have no row in tags.csv, so no tags (not trained on; no CAM and no pseudo mask is made of them): xTIF.TIF, xavif.avif, xjfif.jfif and 3 more',
  ])
  expect(notes).toEqual([
    'ROOT/images: 1 file is no image, ignored: list.xls',
    'ROOT/images: 3 images in TIFF or GIF: of several pages or frames the first is read',
  ])
})

test('nothing but HEIC is refused with how to convert it', async () => {
  const root = await folder({ 'images/p.heic': '', 'tags.csv': 'file,tags\np.heic,cat\n' })
  expect(await refusal(root)).toBe(
    'ROOT/images: holds no images; 1 image is not read (HEIC): p.heic; convert it to JPEG or PNG, as with heif-convert, ImageMagick or the export of a photo program; put the images (jpg, png, webp, tif, gif or avif) into images/',
  )
})

test('pipes, loops of links, broken links and control characters are named, links to folders followed once', async () => {
  const root = await folder({ 'a.jpg': '', 'sub/b.jpg': '', 'bad\nname.jpg': '', '\u001b[31mred.jpg': '' })
  const other = await folder({ 'c.jpg': '' })
  execFileSync('mkfifo', [join(root, 'pipe.jpg')])
  await symlink('loop.jpg', join(root, 'loop.jpg'))
  await symlink(root, join(root, 'sub/up'))
  await symlink('nowhere.jpg', join(root, 'broken.jpg'))
  await symlink(other, join(root, 'far'))
  await symlink(join(other, 'c.jpg'), join(root, 'd.jpg'))
  const lines: string[] = []
  const samples = await openImages(root, { report: line => lines.push(line.replaceAll(root, 'ROOT')) })
  expect(samples.map(({ id }) => id)).toEqual(['a', 'd', 'far__c', 'sub__b'])
  expect(lines).toEqual([
    'ROOT: 6 files are left out: "\\u001b[31mred.jpg" (its name has control characters), "bad\\nname.jpg" (its name has control characters), broken.jpg (a link: it does not exist) and 3 more',
  ])
})

test('ids of very long names are short, different, and the same every time', async () => {
  const long = 'é'.repeat(110)
  const root = await folder({ [`${long}1.jpg`]: '', [`${long}2.jpg`]: '', 'a.jpg': '' })
  const ids = (await openImages(root)).map(({ id }) => id)
  expect(new Set(ids).size).toBe(3)
  for (const id of ids) expect(Buffer.byteLength(`${id}.safetensors`)).toBeLessThan(215)
  expect((await openImages(root)).map(({ id }) => id)).toEqual(ids)
})

test('a folder that is a link to itself, and a working folder that is gone', async () => {
  const root = await folder({})
  await symlink('self', join(root, 'self'))
  await expect(openImages(join(root, 'self'))).rejects.toThrow(
    'self: cannot be read (its links form a loop); give a folder of images',
  )
})
