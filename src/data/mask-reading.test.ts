import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { encode, type ImageData } from 'fast-png'
import sharp from 'sharp'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeLabelMap, VOC_PALETTE } from '../io/indexed-png.ts'
import { type Dataset, openDataset } from './dataset.ts'
import { solidShare } from './mask-shape.ts'
import { readTruth } from './truth.ts'

// Images of 16 x 12 pixels. The object is a square of 6 x 6, its border one pixel wide.
const [WIDTH, HEIGHT] = [16, 12]
const AREA = WIDTH * HEIGHT

const made: string[] = []
afterEach(async () => {
  for (const root of made.splice(0)) await rm(root, { recursive: true, force: true })
})

/** One byte a pixel: `inside` in the square, `border` around it, 0 elsewhere. */
function square(inside: number, border = 0): Uint8Array {
  return Uint8Array.from({ length: AREA }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)]
    if (x >= 3 && x < 9 && y >= 3 && y < 9) return inside
    return x >= 2 && x < 10 && y >= 2 && y < 10 ? border : 0
  })
}

const png = (data: ImageData['data'], rest: Partial<ImageData> = {}): Uint8Array =>
  encode({ width: WIDTH, height: HEIGHT, channels: 1, ...rest, data })
const grey = (data: Uint8Array): Uint8Array => png(data)
const indexed = (data: Uint8Array, palette: number[][]): Uint8Array => png(data, { palette })
/** RGB of labels in VOC's colours. */
const coloured = (labels: Uint8Array, colours: readonly (readonly number[])[] = VOC_PALETTE): Uint8Array =>
  png(Uint8Array.from([...labels].flatMap(label => [...colours[label]!])), { channels: 3 })

/** A plain folder: tags and mask of each image. */
async function folder(
  images: readonly (readonly [tags: string, mask: Uint8Array])[],
  { classes }: { classes?: string } = {},
): Promise<Dataset> {
  const root = await mkdtemp(join(tmpdir(), 'tagmask-masks-'))
  made.push(root)
  const files: [string, string | Uint8Array][] = [
    ['tags.csv', `file,tags\n${images.map(([tags], i) => `i${i}.png,${tags}\n`).join('')}`],
    ...(classes === undefined ? [] : [['classes.txt', classes] as [string, string]]),
    ...images.flatMap(([, mask], i): [string, Uint8Array][] => [
      [`images/i${i}.png`, grey(square(9))],
      [`masks/i${i}.png`, mask],
    ]),
  ]
  for (const [name, content] of files) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), content)
  }
  return openDataset(root)
}

const truthOf = async ({ samples }: Dataset, i: number): Promise<number[]> => [
  ...(await readTruth(samples[i]!)).data,
]
const values = async (dataset: Dataset, i: number): Promise<number[]> =>
  [...new Set(await truthOf(dataset, i))].sort((a, b) => a - b)
const repeated = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

describe('labels as everywhere', () => {
  test('are left alone, and nothing is said', async () => {
    const dataset = await folder([
      ['a', grey(square(1, 255))],
      ['b', grey(square(2, 255))],
      ['a;b', encodeLabelMap({ width: WIDTH, height: HEIGHT, data: square(2, 1) })],
    ])
    expect(dataset.warnings).toEqual([])
    expect(dataset.samples.map(({ maskReading }) => maskReading)).toEqual([undefined, undefined, undefined])
    expect(await truthOf(dataset, 0)).toEqual([...square(1, 255)])
  })

  test('of 1 bit and of 16 bits are labels, too', async () => {
    const bits = new Uint8Array((WIDTH / 8) * HEIGHT)
    for (const [i, value] of square(1).entries()) bits[i >> 3]! |= value << (7 - (i & 7))
    const dataset = await folder([
      ['a', png(bits, { depth: 1 })],
      ['b', png(Uint16Array.from(square(2, 255)), { depth: 16 })],
    ])
    expect(dataset.warnings).toEqual([])
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
    expect(await truthOf(dataset, 1)).toEqual([...square(2, 255)])
  })

  test('RGB and transparent masks whose channels are equal are grey', async () => {
    const rgb = png(Uint8Array.from([...square(1)].flatMap(v => [v, v, v])), { channels: 3 })
    const clear = png(Uint8Array.from([...square(1)].flatMap(v => [7, v * 255])), { channels: 2 })
    const half = png(Uint8Array.from([...square(1)].flatMap(v => [v, 99])), { channels: 2 })
    const dataset = await folder([
      ['a', rgb],
      ['a', clear],
      ['a', half],
    ])
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
    expect(await truthOf(dataset, 1)).toEqual([...square(7)])
    await expect(readTruth(dataset.samples[2]!)).rejects.toThrow(
      /i2\.png: has pixels that are half transparent; a mask is a PNG of class indices/,
    )
  })
})

describe('one number beside the background', () => {
  test('255 is the only class', async () => {
    const dataset = await folder(repeated(3, () => ['red', grey(square(255))] as const))
    expect(dataset.warnings).toEqual(['the masks hold only 0 and 255: 255 is read as "red"'])
    expect(await truthOf(dataset, 1)).toEqual([...square(1)])
  })

  test('white on black in RGB, and 65535 of 16 bits, are the same', async () => {
    const white = coloured(square(1), [
      [0, 0, 0],
      [255, 255, 255],
    ])
    expect(await truthOf(await folder([['red', white]]), 0)).toEqual([...square(1)])
    const deep = png(
      Uint16Array.from(square(1), value => value * 65535),
      { depth: 16 },
    )
    const dataset = await folder([['red', deep]])
    expect(dataset.warnings).toEqual(['the masks hold only 0 and 65535: 65535 is read as "red"'])
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
  })

  test('of several classes it is the tag of the image; an image of two tags is refused', async () => {
    for (const value of [1, 128, 255]) {
      const dataset = await folder([
        ['a', grey(square(value))],
        ['b', grey(square(value))],
        ['c', grey(square(value))],
        ['a;c', grey(square(value))],
      ])
      expect(dataset.warnings).toEqual([
        `the masks hold only 0 and ${value}: ${value} is read as the class that the image is tagged with`,
      ])
      expect(await truthOf(dataset, 2)).toEqual([...square(3)])
      await expect(readTruth(dataset.samples[3]!)).rejects.toThrow(
        `i3.png: holds the number ${value}, which may be several classes, and the tags of its image do not say which; in these masks ${value} is the class that the image is tagged with`,
      )
    }
  })

  test('255 that is only the border of objects, or everything, stays ignored', async () => {
    const borders = await folder(repeated(3, () => ['red', grey(square(0, 255))] as const))
    expect(borders.warnings).toEqual([])
    expect(await truthOf(borders, 0)).toEqual([...square(0, 255)])
    const full = await folder(repeated(3, () => ['red', grey(new Uint8Array(AREA).fill(255))] as const))
    expect(full.warnings).toEqual([])
    expect(await values(full, 0)).toEqual([255])
  })

  test('128 with a border of 255 is the class, 128 in objects of 255 is not', async () => {
    const bordered = await folder(repeated(3, () => ['red', grey(square(128, 255))] as const))
    expect(bordered.warnings).toEqual(['the masks hold only 0, 255 and 128: 128 is read as "red"'])
    expect(await truthOf(bordered, 0)).toEqual([...square(1, 255)])
    const trimaps = await folder(repeated(3, () => ['red', grey(square(255, 128))] as const))
    expect(trimaps.samples[0]!.maskReading).toBeUndefined()
  })

  test('images without tags leave the numbers as they are', async () => {
    const dataset = await folder(
      [
        ['', grey(square(2))],
        ['', grey(square(1))],
      ],
      { classes: 'a\nb' },
    )
    expect(dataset.samples[0]!.maskReading).toBeUndefined()
    const rgb = await folder([['', coloured(square(2, 1))]], { classes: 'a\nb' })
    expect(await truthOf(rgb, 0)).toEqual([...square(2, 1)])
  })
})

describe('masks as sharp writes them', () => {
  const black = [0, 0, 0, 255]
  const white = [255, 255, 255, 255]
  const [red, blue, clear] = [
    [255, 0, 0, 255],
    [0, 0, 255, 255],
    [255, 255, 255, 0],
  ]
  const paint = (labels: Uint8Array, colours: readonly number[][]) =>
    sharp(Uint8Array.from([...labels].flatMap(label => colours[label]!)), {
      raw: { width: WIDTH, height: HEIGHT, channels: 4 },
    })
  const each = [2, 4, 16, 256].flatMap(colours =>
    (
      [
        ['black', 'white', black, white],
        ['white', 'black', white, black],
        ['white', 'red', white, red],
        ['red', 'black', red, black],
        ['transparent', 'red', clear, red],
        ['transparent', 'black', clear, black],
      ] as const
    ).map(([around, inside, a, b]) => ({ colours, around, inside, paints: [[...a!], [...b!]] })),
  )
  test.each(each)('$inside on $around in a palette of $colours', async ({ colours, paints }) => {
    const mask = await paint(square(1), paints).png({ palette: true, colours }).toBuffer()
    const dataset = await folder(repeated(4, () => ['red', mask] as const))
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
  })

  test.each(each.slice(0, 6))('$inside on $around in colours', async ({ paints }) => {
    const mask = await paint(square(1), paints).png().toBuffer()
    const dataset = await folder(repeated(4, () => ['red', mask] as const))
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
  })

  test.each([2, 256])('palettes of %i that each file has for itself: the colours count', async colours => {
    const png = (label: number) =>
      paint(square(label), [white, red!, blue!]).png({ palette: true, colours }).toBuffer()
    const masks = [await png(1), await png(2)]
    const dataset = await folder(repeated(6, i => [i % 2 ? 'b' : 'a', masks[i % 2]!] as const))
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
    expect(await truthOf(dataset, 1)).toEqual([...square(2)])
  })

  test('colours of such palettes that the tags do not explain are refused', async () => {
    const masks = await Promise.all(
      [red!, blue!, [9, 99, 9, 255]].map(colour =>
        paint(square(1), [white, colour]).png({ palette: true, colours: 2 }).toBuffer(),
      ),
    )
    const dataset = await folder(repeated(6, i => ['a;b', masks[i % 3]!] as const))
    await expect(readTruth(dataset.samples[0]!)).rejects.toThrow(
      /i0\.png: holds the colour #ff0000, which names no class; in these masks the indices are those of palettes of their own, .*: save them as 8-bit grey/,
    )
  })
})

describe('inverted masks', () => {
  const inverted = (value: number) => grey(square(value).map(v => value - v))

  test('0 inside of 255 is the class, and it is said', async () => {
    for (const tags of ['ab', 'a'].map(names => [...names])) {
      const dataset = await folder(repeated(4, i => [tags[i % tags.length]!, inverted(255)] as const))
      expect(await values(dataset, 1)).toEqual([0, tags.length])
      expect((await truthOf(dataset, 0))[0]).toBe(0)
      expect(dataset.warnings).toEqual([
        `the masks hold only 255 and 0: 0 is read as ${tags.length === 1 ? '"a"' : 'the class that the image is tagged with'}, 255 as the background, for it fills the edges of the masks: invert them if that is wrong`,
      ])
    }
  })

  test('some of many, and labels, are named', async () => {
    const some = await folder(repeated(4, i => ['a', i < 1 ? inverted(255) : grey(square(255))] as const))
    expect(some.warnings).toEqual([
      'the masks hold only 0 and 255: 255 is read as "a"; it fills the edges of some masks, as if they were inverted: i0',
    ])
    const labels = await folder(repeated(4, () => ['a', inverted(1)] as const))
    expect(labels.warnings).toEqual([
      '1 fills the edges of the masks, as a background does: invert them if 0 is the object',
    ])
    const ignored = await folder(repeated(4, () => ['a', grey(square(1).map(v => v || 255))] as const))
    expect(ignored.warnings).toEqual([
      'the masks hold no 0: 255 around the objects is ignored; write 0 where it is background',
    ])
  })
})

describe('labels and 0/255 in one set', () => {
  test('255 is the tag where a mask has no other number', async () => {
    const dataset = await folder(repeated(4, i => ['a', grey(square(i < 1 ? 255 : 1))] as const))
    expect(dataset.warnings).toEqual(['some masks hold only 0 and 255, others labels: 255 is "a" in i0'])
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
  })

  test('where 255 is the border of others it stays ignored, and the masks are named', async () => {
    const dataset = await folder(repeated(4, i => ['a', grey(i < 1 ? square(255) : square(1, 255))] as const))
    expect(dataset.warnings).toEqual([
      'some masks hold only 0 and 255, others labels: 255 is ignored; write the label of the class in i0',
    ])
  })
})

test('a number that is the label of a class is no other class', async () => {
  const dataset = await folder(
    repeated(4, () => ['blue', grey(square(2))] as const),
    { classes: 'blue\nred' },
  )
  expect(dataset.samples[0]!.maskReading).toBeUndefined()
  expect(await truthOf(dataset, 0)).toEqual([...square(2)])
})

describe('colours', () => {
  test('of VOC are its labels, in RGB with and without alpha', async () => {
    const alpha = png(Uint8Array.from([...square(2, 255)].flatMap(label => [...VOC_PALETTE[label]!, 255])), {
      channels: 4,
    })
    const dataset = await folder([
      ['a', coloured(square(1, 255))],
      ['b', alpha],
      ['a;b', coloured(square(2, 1))],
      ['b', coloured(square(3))],
    ])
    expect(dataset.warnings).toEqual(['the masks have the colours of VOC: each is read as its label'])
    expect(await truthOf(dataset, 0)).toEqual([...square(1, 255)])
    expect(await truthOf(dataset, 1)).toEqual([...square(2, 255)])
    await expect(readTruth(dataset.samples[3]!)).rejects.toThrow(
      /i3\.png: holds the colour #808000, which names no class; in these masks the colours are those of VOC/,
    )
  })

  test('of a palette whose black is not at 0: black is the background', async () => {
    const upsideDown = square(1).map(index => 1 - index)
    const mask = indexed(upsideDown, [
      [255, 255, 255],
      [0, 0, 0],
    ])
    const dataset = await folder(repeated(4, () => ['red', mask] as const))
    expect(dataset.warnings).toContain('the masks hold only black and #ffffff: #ffffff is read as "red"')
    expect(await truthOf(dataset, 0)).toEqual([...square(1)])
  })

  test('of palettes in another order tell the label', async () => {
    const [black, red, green] = [0, 1, 2].map(label => [...VOC_PALETTE[label]!])
    const dataset = await folder([
      [
        'a',
        indexed(
          square(1).map(v => 1 - v),
          [red!, black!],
        ),
      ],
      ['b', indexed(square(1), [black!, green!])],
    ])
    expect(dataset.warnings).toEqual([
      'the palettes of the masks have the colours of VOC in another order: the colours are read, not the indices',
    ])
    expect(await truthOf(dataset, 1)).toEqual([...square(2)])
    const agreeing = await folder([
      ['b', indexed(square(2), [black!, green!, red!])],
      ['a', indexed(square(1), [black!, green!, red!])],
    ])
    expect(agreeing.samples[0]!.maskReading).toBeUndefined() // the tags say that the indices are right
  })

  test('that lie in the images of one class are that class', async () => {
    const own = [
      [0, 0, 0],
      [255, 0, 0],
      [0, 255, 255],
    ]
    const dataset = await folder([
      ['cat', coloured(square(1), own)],
      ['dog', coloured(square(2), own)],
      ['cat;dog', coloured(square(1, 2), own)],
    ])
    expect(dataset.warnings).toEqual([
      'the colours of the masks are read by the tags of their images: #00ffff is "dog", #ff0000 is "cat"',
    ])
    expect(await truthOf(dataset, 2)).toEqual([...square(1, 2)])
  })

  test('of which nothing is known are refused', async () => {
    const own = [
      [0, 0, 0],
      [255, 0, 0],
      [0, 255, 255],
    ]
    const dataset = await folder([['cat', coloured(square(1, 2), own)]])
    await expect(readTruth(dataset.samples[0]!)).rejects.toThrow(
      'i0.png: has colours, and nothing says which classes they stand for; a mask is a PNG of class indices: palette of 1, 2, 4 or 8 bits, or 8-bit grey, one channel; the colours of VOC are read, too',
    )
  })

  test('converted to grey are the classes; of two with one grey the one that is tagged', async () => {
    const names = repeated(20, k => `c${String(k + 1).padStart(2, '0')}`).join('\n')
    const dataset = await folder(
      [
        ['c15', grey(square(147, 220))],
        ['c01', grey(square(38))],
        ['c16', grey(square(38))],
        ['c01;c16', grey(square(38))],
      ],
      { classes: names },
    )
    expect(dataset.warnings).toEqual([
      'the masks hold the grey of the colours of VOC (38 for c01, 147 for c15): they are read so',
    ])
    expect(await truthOf(dataset, 0)).toEqual([...square(15, 255)])
    expect(await truthOf(dataset, 1)).toEqual([...square(1)])
    expect(await truthOf(dataset, 2)).toEqual([...square(16)])
    await expect(readTruth(dataset.samples[3]!)).rejects.toThrow(
      /the number 38, which may be several classes/,
    )
  })
})

describe('numbers', () => {
  test('in another order than the classes are read by the tags', async () => {
    const dataset = await folder(
      repeated(6, i => [i % 2 ? 'cat' : 'dog', grey(square(i % 2 ? 2 : 1))] as const),
    )
    expect(dataset.classes).toEqual(['cat', 'dog'])
    expect(dataset.warnings).toEqual([
      'the numbers of the masks are read by the tags of their images: 1 is "dog", 2 is "cat"',
    ])
    expect(await truthOf(dataset, 0)).toEqual([...square(2)])
  })

  test('of 8 bits scaled to 16 are divided', async () => {
    const deep = (label: number) =>
      png(
        Uint16Array.from(square(label, 255), v => v * 257),
        { depth: 16 },
      )
    const dataset = await folder([
      ['a', deep(1)],
      ['a;b', deep(2)],
    ])
    expect(dataset.warnings).toEqual([
      'the masks have 16 bits, their numbers are multiples of 257: they are divided by it',
    ])
    expect(await truthOf(dataset, 1)).toEqual([...square(2, 255)])
  })

  test('above 255 never wrap', async () => {
    const dataset = await folder([
      ['a', grey(square(1))],
      [
        'a',
        png(
          Uint16Array.from(square(1), v => v * 257 * 3),
          { depth: 16 },
        ),
      ],
    ])
    await expect(readTruth(dataset.samples[1]!)).rejects.toThrow(
      /i1\.png: holds the number 771, which names no class; a mask is a PNG of class indices/,
    )
  })
})

test('masks in other formats are refused by what they are', async () => {
  const raw = { raw: { width: WIDTH, height: HEIGHT, channels: 1 as const } }
  const dataset = await folder([
    ['a', await sharp(square(1), raw).jpeg().toBuffer()],
    ['a', await sharp(square(1), raw).tiff().toBuffer()],
  ])
  await expect(readTruth(dataset.samples[0]!)).rejects.toThrow(
    /i0\.png: is a JPEG, whose compression changes labels, not a PNG; export it as PNG where it was made; a mask is a PNG/,
  )
  await expect(readTruth(dataset.samples[1]!)).rejects.toThrow(
    /i1\.png: is a TIFF, not a PNG; convert it without loss \(magick mask\.tiff mask\.png\); a mask/,
  )
})

describe('a mask beside an image with an EXIF orientation', () => {
  const rotated = async (orientation: number): Promise<Dataset> => {
    const dataset = await folder([['a', grey(square(1))]])
    await sharp(square(1), { raw: { width: WIDTH, height: HEIGHT, channels: 1 } })
      .withMetadata({ orientation })
      .png()
      .toFile(dataset.samples[0]!.image)
    return dataset
  }

  test.each([5, 6, 7, 8])('%i is rotated as sharp rotates the image', async orientation => {
    const { samples } = await rotated(orientation)
    const { data, info } = await sharp(samples[0]!.image)
      .autoOrient()
      .extractChannel(0)
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([HEIGHT, WIDTH])
    const truth = await readTruth(samples[0]!, info)
    expect(truth).toEqual({ width: HEIGHT, height: WIDTH, data: new Uint8Array(data), rotated: true })
  })

  test('is told when the data set is opened, and then the others are rotated, too', async () => {
    const { root } = await rotated(6)
    const dataset = await openDataset(root)
    expect(dataset.warnings).toEqual([
      'the masks are stored without the EXIF rotation of their images; it is applied: i0',
    ])
    expect((await readTruth(dataset.samples[0]!)).rotated).toBe(true)
    await flippedOver(dataset.samples[0]!.image)
    const over = await readTruth(dataset.samples[0]!)
    expect([...over.data]).toEqual([...square(1)].reverse())
  })

  test('of the size that is shown stays as it is', async () => {
    const { samples } = await rotated(6)
    const upright = await readTruth(samples[0]!, { width: WIDTH, height: HEIGHT })
    expect(upright.rotated).toBe(false)
  })

  async function flippedOver(image: string): Promise<void> {
    await sharp(square(1), { raw: { width: WIDTH, height: HEIGHT, channels: 1 } })
      .withMetadata({ orientation: 3 })
      .png()
      .toFile(image)
  }
})

test('the inside of an object is what is left when its edge is taken away', () => {
  const share = (codes: Uint8Array) => solidShare({ width: WIDTH, height: HEIGHT, codes }, 255)
  expect(share(square(255))).toBeCloseTo(16 / 36)
  expect(share(square(0, 255))).toBe(0)
  expect(share(new Uint8Array(AREA))).toBe(0)
})
