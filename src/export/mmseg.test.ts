import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CLASSES, casesWithImages, exportCases } from '../../test/export-cases.ts'
import { decodeColours, vocLabel } from '../../test/mask-decoders.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { mmseg } from './mmseg.ts'

it('gives back every mask beside its image, by split', async () => {
  const folder = await temporaryFolder([])
  const images = await casesWithImages(join(folder, 'photos'))
  const out = join(folder, 'out')
  const { told } = await exportCases(mmseg, out, { images })
  for (const { fileName, split, data, image } of images) {
    const name = fileName.replace(/\.[^.]+$/, '')
    const colours = await decodeColours(join(out, 'ann_dir', split!, `${name}.png`))
    expect(colours.map(vocLabel)).toEqual([...data])
    expect(await readFile(join(out, 'img_dir', split!, fileName))).toEqual(await readFile(image!))
  }
  expect(await readFile(join(out, 'classes.txt'), 'utf8')).toBe(`background\n${CLASSES.join('\n')}\n`)
  expect(told).toEqual(['the images have several endings: dataset.py joins a data set for each'])
  const text = await readFile(join(out, 'dataset.py'), 'utf8')
  expect(text).toContain(`    classes=(
        "background",
        "cat",
        "a \\"dog\\" & <co>",
        "zèbre",
    ),
    palette=[
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
    ])`)
  expect(text.match(/^\w+_dataset = dict\(type='\w+'/gm)).toEqual([
    "train_dataset = dict(type='ConcatDataset'",
  ])
  expect(text).toContain("val_dataset = dict(\n    type='BaseSegDataset'")
  expect(text.match(/img_suffix="[^"]+"/g)).toEqual([
    'img_suffix=".jpg"',
    'img_suffix=".png"',
    'img_suffix=".JPG"',
  ])
})

it('puts all images of a folder of masks into train, and says so', async () => {
  const folder = await temporaryFolder([])
  const images = (await casesWithImages(join(folder, 'photos'))).slice(3, 5)
  const { told } = await exportCases(mmseg, join(folder, 'out'), {
    images: images.map(image => ({ ...image, split: undefined })),
  })
  expect(told).toEqual(['all images are in train: a folder of masks has no splits'])
  const text = await readFile(join(folder, 'out', 'dataset.py'), 'utf8')
  expect(text.match(/img_path="[^"]+"/g)).toEqual(['img_path="img_dir/train"'])
})

it('refuses two images of one name but for the ending', async () => {
  const folder = await temporaryFolder([])
  const [first] = await casesWithImages(join(folder, 'photos'))
  const twin = { ...first!, fileName: 'hole.png' }
  await expect(exportCases(mmseg, join(folder, 'out'), { images: [first!, twin] })).rejects.toThrow(
    /hole\.png \(--out\): would be the file of two images of one name/,
  )
})
