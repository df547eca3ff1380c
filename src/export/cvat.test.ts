import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import yauzl from 'yauzl'
import { CASES, CLASSES, exportCases } from '../../test/export-cases.ts'
import { decodeColours } from '../../test/mask-decoders.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { cvat } from './cvat.ts'
import type { ExportImage } from './export-image.ts'

async function exported(
  images: readonly ExportImage[] = CASES,
  classes: readonly string[] = CLASSES,
): Promise<{ told: readonly string[]; files: Map<string, Buffer> }> {
  const out = join(await temporaryFolder([]), 'task.zip')
  const { told } = await exportCases(cvat, out, { images, classes })
  const zip = await yauzl.fromBufferPromise(await readFile(out), { lazyEntries: true })
  const files = new Map<string, Buffer>()
  for await (const entry of zip.eachEntry()) {
    const chunks: Buffer[] = []
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer)
    files.set(entry.fileName, Buffer.concat(chunks))
  }
  return { told, files }
}

/** As datumaro's VOC reader: colours of labelmap.txt to lines of it, objects above 0 to the label under them. */
async function importedMask(files: Map<string, Buffer>, name: string): Promise<(number | undefined)[]> {
  const lines = files.get('labelmap.txt')!.toString().trim().split('\n')
  const colours = new Map(
    lines.map((line, label) => {
      const fields = line.split(':')
      expect(fields).toHaveLength(4)
      const [red, green, blue] = fields[1]!.split(',').map(Number)
      return [(red! << 16) | (green! << 8) | blue!, label]
    }),
  )
  expect(colours.size).toBe(lines.length)
  const classes = await decodeColours(files.get(`SegmentationClass/${name}.png`)!)
  const objects = await decodeColours(files.get(`SegmentationObject/${name}.png`)!)
  for (const colour of classes) expect(colours.has(colour)).toBe(true)
  return classes.map((colour, at) => (objects[at] === 0 ? undefined : colours.get(colour)))
}

it('is imported as the masks, void and background as no annotation', async () => {
  const { files, told } = await exported()
  const names = files.get('ImageSets/Segmentation/default.txt')!.toString().split('\n')
  expect(names).toEqual([...CASES.map(({ fileName }) => fileName.replace(/\.[^.]+$/, '')), ''])
  expect(files.get('labelmap.txt')!.toString()).toBe(
    'background:0,0,0::\ncat:128,0,0::\na "dog" & <co>:0,128,0::\nzèbre:128,128,0::\nvoid:224,224,192::\n',
  )
  for (const [i, { data }] of CASES.entries())
    expect(await importedMask(files, names[i]!)).toEqual(
      [...data].map(label => (label === 0 || label === 255 ? undefined : label)),
    )
  expect(told).toEqual([])
  // void keeps its colour in the classes
  const [void_] = await decodeColours(files.get('SegmentationClass/all void.png')!)
  expect(void_).toBe(0xe0e0c0)
})

it('leaves out images whose names its list cannot hold, and refuses such classes and twins', async () => {
  const [first, second] = CASES as [ExportImage, ExportImage]
  const odd = [first, { ...second, fileName: '#1.jpg' }, { ...second, fileName: 'a /b .jpg' }]
  const { files, told } = await exported(odd)
  expect([...files.keys()].filter(name => name.endsWith('.png'))).toEqual([
    'SegmentationClass/hole.png',
    'SegmentationObject/hole.png',
  ])
  expect(told[0]).toMatch(/^2 masks are left out: #1\.jpg, a \/b \.jpg; in CVAT's list names have no blanks/)
  await expect(exported([first, { ...second, fileName: 'hole.png' }])).rejects.toThrow(
    'hole.png: has the name of another image but for the ending; CVAT tells images apart by their names without the ending: rename one of them',
  )
  for (const name of ['a:b', '#a', ' a', 'a '])
    await expect(exported(CASES, [name, 'b', 'c'])).rejects.toThrow(
      `--format cvat: cannot write the class "${name}"`,
    )
})
