import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import type { ScoreRecord } from '../../evaluate/index.ts'
import { type RgbImage, readImage } from '../../io/image.ts'
import { escapeHtml, html } from './html.ts'
import { type Example, type ReportData, writeReport } from './index.ts'
import { metricCharts } from './metric-charts.ts'
import { drawColumn } from './overlay.ts'
import { classColour } from './palette.ts'
import { lineChart } from './svg-chart.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-report-'))
})
afterAll(() => rm(folder, { recursive: true }))

const photo: RgbImage = { width: 4, height: 2, data: new Uint8Array(24).fill(100) }
const grid = (values: readonly number[]) => ({ width: 4, height: 2, data: Uint8Array.from(values) })
const truth = grid([0, 0, 1, 1, 0, 0, 2, 255])
const prediction = grid([0, 1, 1, 0, 0, 0, 1, 1])

const example: Example = {
  id: '0001',
  image: photo,
  tags: ['boat', 'cat'],
  columns: [
    { kind: 'photo', title: 'photo' },
    {
      kind: 'CAM',
      title: 'map of boat',
      map: Float32Array.of(0, 0, 0.9, 1, 0, 0, 0.2, 0.1),
      threshold: 0.4,
    },
    { kind: 'mask', title: 'seed', mask: prediction },
    { kind: 'mask', title: 'ground truth', mask: truth },
    { kind: 'errors', title: 'mistakes', prediction, truth },
  ],
}

const score: ScoreRecord = {
  metric: 'seed',
  split: 'train',
  threshold: { value: 0.4, choice: { how: 'swept on the same masks it is scored on' } },
  images: 1103,
  miou: 47.22,
  fp: 20,
  fn: 30,
  precision: 70,
  recall: 60,
  classes: [
    { name: 'background', iou: 80, fp: 10, fn: 10, absent: false },
    { name: 'boat', iou: 14.44, fp: 30, fn: 50, absent: false },
    { name: 'cat', iou: 0, fp: 0, fn: 0, absent: true },
  ],
  curve: [0, 0.2, 0.4, 0.6].map(threshold => ({
    threshold,
    miou: 47.22 - 50 * Math.abs(threshold - 0.4),
    fp: 1,
    fn: 2,
  })),
  warnings: ['the threshold was chosen on its own masks'],
}

const data: ReportData = {
  title: 'a run',
  subtitle: 'MCTformer V2',
  classes: ['boat', 'cat'],
  scores: [score],
  results: [{ href: 'masks', title: 'masks', words: 'seeds' }],
  examples: [example],
  trainings: [
    {
      of: 'classification network',
      rows: [0, 1, 2].map(step => ({ kind: 'step', step, loss: 1 / (step + 1), lr: 1e-4 })),
    },
  ],
  settings: [{ title: 'Training', facts: [{ name: 'epochs', value: '20' }] }],
  facts: [{ name: 'seed', value: '0' }],
  warnings: ['bad.jpg was left out'],
}

async function write(name: string, change: Partial<ReportData> = {}): Promise<string> {
  const { html: path } = await writeReport(join(folder, name), { ...data, ...change })
  return readFile(path, 'utf8')
}

describe('report.html', () => {
  test('names every score in full, with its warnings', async () => {
    const page = await write('full')
    const text = page.replace(/<(style|script)\b.*?<\/\1>|<[^>]+>/gs, ' ').replace(/\s+/g, ' ')
    expect(text).toContain('seed mIoU on train 47.22 %')
    expect(text).toContain('images 1,103 threshold 0.40 how chosen swept on the same masks it is scored on')
    expect(text).toContain('the threshold was chosen on its own masks')
    expect(text).toContain('bad.jpg was left out')
    expect(text).toContain('best 47.22 at 0.40')
    expect(text).toContain('cat (no pixel)')
  })

  test('lists every stage where there are several scores, the cards only the first and the last', async () => {
    const later = (metric: ScoreRecord['metric'], miou: number): ScoreRecord => {
      const { curve: _, ...rest } = score
      return { ...rest, metric, split: 'val', threshold: null, miou }
    }
    const page = await write('stages', {
      scores: [score, later('mask', 55.5), later('val', 50.25), later('val ms+crf', 56.75)],
      trainings: ['classification network', 'segmentation'].map(of => ({
        of,
        rows: data.trainings[0]!.rows,
      })),
    })
    const text = page.replace(/<(style|script)\b.*?<\/\1>|<[^>]+>/gs, ' ').replace(/\s+/g, ' ')
    expect(page.match(/class="card score"/g)).toHaveLength(2)
    expect(text).toContain('val ms+crf mIoU on val 56.75 %')
    expect(text).toContain('mask val 1,103 none 55.50')
    expect(text).toContain('seed train 1,103 0.40 47.22')
    expect(page.match(/<details/g)).toHaveLength(4)
    expect(text).toContain('Training loss, segmentation')
  })

  test('loads its own files and one script, known by its hash', async () => {
    const page = await write('self-contained')
    const script = /<script>(.*)<\/script>/s.exec(page)![1]!
    const hash = createHash('sha256').update(script).digest('base64')
    expect(page).toContain(
      `content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'"`,
    )
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(script).not.toMatch(/\bimport\b|\bexport\b/)
    expect(page).not.toMatch(/<iframe|@import|https?:\/\//i)
    const sources = [...page.matchAll(/\b(?:src|href)="([^"]*)"/g)].map(match => match[1]!)
    const views = [0, 1, 2, 3, 4].map(i => `report/examples/0-${i}.webp`)
    expect(sources).toEqual(['data:,', 'masks', ...views])
    for (const file of views)
      expect(await readImage(join(folder, 'self-contained', file))).toMatchObject({ width: 4 })
  })

  test('escapes whatever comes from outside', async () => {
    const evil = `<img src=x onerror="alert('1')">&`
    const page = await write('escaped', {
      title: evil,
      subtitle: evil,
      classes: [evil, 'cat'],
      scores: [
        {
          ...score,
          split: evil,
          warnings: [evil],
          classes: score.classes.map(row => ({ ...row, name: evil })),
        },
      ],
      examples: [{ ...example, tags: [evil], note: evil, columns: [{ kind: 'photo', title: evil }] }],
      trainings: [{ of: evil, rows: [{ kind: 'step', step: 0, [`loss${evil}`]: 1 }] }],
      settings: [{ title: evil, facts: [{ name: evil, value: evil }] }],
      facts: [{ name: evil, value: evil }],
      warnings: [evil],
    })
    expect(page).not.toContain('<img src=x')
    expect(page).not.toContain(`alert('1')`)
    expect(page.split(escapeHtml(evil)).length).toBeGreaterThan(15)
  })

  test('no name of a class, a file or a run becomes an element, an attribute or a style', async () => {
    const hostile = [
      '</script><img onerror=alert(1) src=x>',
      `" onmouseover="alert(1)" x="`,
      "' style='position:fixed",
      '</style></title></figcaption><svg onload=alert(1)>',
      '--><iframe srcdoc=x>',
      'a\u0000b\u001b[2J\u202egnp\r\nc',
      '&#60;script&#62;',
      '\ud800]]>',
      `</span>${'x'.repeat(5000)}`,
    ]
    const shape = (page: string) =>
      page
        .match(/<\/?[a-zA-Z][^\s>]*/g)!
        .filter(tag => !/^<\/?(polyline|line|text|circle)$/.test(tag))
        .join('')
    const withName = async (name: string) =>
      write('hostile', {
        title: name,
        classes: [name, 'cat'],
        scores: [{ ...score, split: name, classes: score.classes.map(row => ({ ...row, name })) }],
        examples: [{ ...example, tags: [name], note: name, columns: [{ kind: 'photo', title: name }] }],
        trainings: [{ of: name, rows: [{ kind: 'step', step: 0, [name]: 1 }] }],
        facts: [{ name, value: name }],
        warnings: [name],
      })
    const harmless = await withName('harmless')
    for (const name of hostile) {
      const page = await withName(name)
      expect(shape(page)).toBe(shape(harmless))
      expect(page.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
      const attributes = page
        .replace(/<(style|script)\b.*?<\/\1>/gs, '')
        .match(/<[^>]*>/g)!
        .join('')
        .replace(/"[^"]*"/g, '')
      expect(attributes).not.toMatch(/onerror|onload|onmouseover|srcdoc|position|'/)
    }
  })

  test('has a key to the colours of all classes, the background among them', async () => {
    const page = await write('key')
    const key = /class="legend classes">.*?<\/span><\/span>/s.exec(page)![0]
    const items = [...key.matchAll(/--colour:([^"]*)"><\/i>([^<]*)</g)].map(([, colour, name]) => [
      colour,
      name,
    ])
    expect(items).toEqual([
      ['rgb(0 0 0)', 'background'],
      ['rgb(128 0 0)', 'boat'],
      ['rgb(0 128 0)', 'cat'],
    ])
  })

  test('without masks it says that nothing is scored', async () => {
    const page = await write('unscored', { scores: [], unscored: 'No masks.', trainings: [], warnings: [] })
    expect(page).toContain('Not scored')
    expect(page).toContain('No masks.')
    expect(page).not.toContain('<svg')
    expect(page).not.toContain('class="warnings"')
  })

  test('of a run that has only begun, shows what there is', async () => {
    const page = await write('begun', { scores: [], results: [], examples: [], settings: [], facts: [] })
    expect(page).toContain('Training loss, classification network')
    expect([...page.matchAll(/<h2>([^<]*)</g)].map(([, title]) => title)).toEqual(['Curves'])
  })

  test('says which masks to use, and which classes need work', async () => {
    const page = await write('words')
    const text = page.replace(/<(style|script)\b.*?<\/\1>|<[^>]+>/gs, ' ').replace(/\s+/g, ' ')
    expect(text).toContain('use these masks : seeds')
    expect(text).toContain(
      'Mostly missed: add images of it, large and in varied surroundings, and check its tags. boat seed on train: IoU 14.4',
    )
    expect(text).not.toContain('cat seed on train')
  })

  test('images of any shape', async () => {
    const thin = (width: number, height: number): Example => ({
      id: `${width}x${height}`,
      image: { width, height, data: new Uint8Array(3 * width * height).fill(9) },
      tags: ['boat'],
      columns: [
        { kind: 'photo', title: 'photo' },
        { kind: 'CAM', title: 'map', map: new Float32Array(width * height), threshold: 0.4 },
      ],
    })
    const { images } = await writeReport(join(folder, 'shapes'), {
      ...data,
      examples: [thin(1, 5000), thin(5000, 1), thin(1, 1)],
    })
    expect(images.map(path => basename(path))).toEqual([0, 1, 2].flatMap(n => [`${n}-0.webp`, `${n}-1.webp`]))
    expect(await readImage(images[0]!)).toMatchObject({ width: 1, height: 360 })
  })

  test('leaves out what cannot be drawn when told of it', async () => {
    const mask = { width: 2, height: 2, data: new Uint8Array(4) }
    const bad: Example = {
      ...example,
      id: 'bad',
      columns: [example.columns[0]!, { kind: 'mask', title: 'seed', mask }],
    }
    const told: string[] = []
    const { html: path } = await writeReport(
      join(folder, 'left-out'),
      { ...data, examples: [bad, example] },
      { onBad: ({ id }, { message }) => told.push(`${id} ${message}`) },
    )
    expect(told).toEqual(['bad bad: its mask has 2x2 pixels; the image has 4x2 pixels'])
    expect((await readFile(path, 'utf8')).match(/<article/g)).toHaveLength(1)
    expect(await readdir(join(folder, 'left-out', 'report', 'examples'))).toHaveLength(5)
  })

  test('refuses views of another size, naming the image', async () => {
    const mask = { width: 2, height: 2, data: new Uint8Array(4) }
    for (const column of [
      { kind: 'mask', title: 'seed', mask },
      { kind: 'errors', title: 'mistakes', prediction, truth: mask },
      { kind: 'CAM', title: 'map', map: new Float32Array(3) },
    ] as const) {
      const written = write('wrong', { examples: [{ ...example, columns: [column] }] })
      await expect(written).rejects.toThrow(InputError)
      await expect(written).rejects.toThrow(/^0001: .*the image has 4x2 pixels/)
    }
  })
})

describe('overlays', () => {
  const pixel = ({ data }: RgbImage, i: number) => [...data.subarray(3 * i, 3 * i + 3)]

  test('a mask shows class colours, ignored pixels light, background as the faded photo', () => {
    const drawn = drawColumn(photo, { kind: 'mask', title: '', mask: truth }, '')
    const faded = pixel(drawn, 0)
    expect(faded).toEqual([97, 97, 97])
    const towards = (k: number) => classColour(k).map(channel => Math.floor(97 + (channel - 97) * 0.72))
    expect(pixel(drawn, 2)).toEqual(towards(0))
    expect(pixel(drawn, 6)).toEqual(towards(1))
    expect(pixel(drawn, 7)).toEqual([193, 193, 193])
  })

  test('mistakes tell right, extra, missed, confused and ignored pixels apart', () => {
    const drawn = drawColumn(photo, { kind: 'errors', title: '', prediction, truth }, '')
    const [background, extra, correct, missed, , , confused, ignored] = Array.from({ length: 8 }, (_, i) =>
      String(pixel(drawn, i)),
    )
    expect(background).toBe('97,97,97')
    expect(new Set([background, extra, correct, missed, confused, ignored]).size).toBe(6)
  })

  test('a CAM grows brighter with the score and is white on the threshold line', () => {
    const map = Float32Array.of(0, 0.1, 0.3, 0.39, 0, 0.1, 0.9, 0.3)
    const drawn = drawColumn(photo, { kind: 'CAM', title: '', map, threshold: 0.4 }, '')
    expect(pixel(drawn, 6)).toEqual([255, 255, 255])
    const plain = drawColumn(photo, { kind: 'CAM', title: '', map }, '')
    expect(pixel(plain, 6)[0]!).toBeGreaterThan(pixel(plain, 3)[0]!)
  })
})

test('weights of attention heads: a cell for each, from dark to light, and nothing without them', async () => {
  const without = await write('no-heads')
  expect(without).not.toContain('Attention heads')
  const page = await write('heads', {
    headWeights: {
      views: 2206,
      mean: [
        [0.25, 0.5],
        [0.75, 0.4],
        [0.3, 0.35],
      ],
      deviation: [
        [0, 0.01],
        [0.125, 0],
        [0, 0],
      ],
    },
  })
  expect(page).toContain(
    'mean over 2,206 views of images; the most that one varies from view to view is ± 0.125',
  )
  expect(page.match(/<rect /g)).toHaveLength(6)
  expect(page).toContain('<title>layer 1, head 2: 0.750 ± 0.125</title>')
  expect(page).toMatch(/class="on-light"[^>]*>0\.75</)
  expect(page).toMatch(/class="on-dark"[^>]*>0\.25</)
})

describe('charts', () => {
  test('rows of metrics become losses, rates and mAP; steps are faint beside epochs', () => {
    const rows = [
      { kind: 'step', step: 0, epoch: 0, loss: 2, lr: 0.1 },
      { kind: 'step', step: 1, loss: null, lr: 0.2 },
      { kind: 'epoch', step: 1, epoch: 0, loss: 1.5, memory: 0.5, 'images/s': 9 },
      { kind: 'validation', step: 1, epoch: 0, 'mAP class-wise': 0.5, 'mAP per image': 0.6 },
    ]
    const charts = metricCharts({ of: 'classification network', rows })
    expect(
      charts.map(({ title, series }) => [
        title,
        series.map(({ name, points, faint }) => [name, points, faint]),
      ]),
    ).toEqual([
      [
        'Training loss, classification network',
        [
          ['loss', [[0, 2]], true],
          ['loss', [[1, 1.5]], false],
        ],
      ],
      [
        'Memory, share of the classes whose list is full, classification network',
        [['memory', [[1, 0.5]], false]],
      ],
      [
        'Learning rate, classification network',
        [
          [
            'lr',
            [
              [0, 0.1],
              [1, 0.2],
            ],
            false,
          ],
        ],
      ],
      [
        'Validation of the tags, %',
        [
          ['mAP class-wise', [[1, 0.5]], false],
          ['mAP per image', [[1, 0.6]], false],
        ],
      ],
    ])
  })

  test('any finite data is drawn inside the frame, long series thinned', () => {
    const value = fc.double({ min: -1e9, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 400 }), values => {
        const points = values.map((y, x) => [x, y] as const)
        const { markup } = lineChart({ title: 't', x: 'x', series: [{ name: 'a', points }] })
        const drawn = /points="([^"]+)"/
          .exec(markup)![1]!
          .split(' ')
          .map(point => point.split(',').map(Number))
        expect(drawn.length).toBeLessThanOrEqual(300)
        for (const [x, y] of drawn) {
          expect(x).toBeGreaterThanOrEqual(57.9)
          expect(x).toBeLessThanOrEqual(524.1)
          expect(y).toBeGreaterThanOrEqual(13.9)
          expect(y).toBeLessThanOrEqual(232.1)
        }
      }),
      { numRuns: 50, examples: [[[999999999.9999985, 999999999.9999975]]] },
    )
  })

  test('NaN and empty series leave no trace', () => {
    const series = [{ name: 'a', points: [[0, Number.NaN]] as const }]
    expect(lineChart({ title: 't', x: 'x', series }).markup).toBe('')
    const mixed = lineChart({
      title: 't',
      x: 'x',
      series: [
        {
          name: 'a',
          points: [
            [0, 1],
            [1, Number.NaN],
            [2, 3],
          ],
        },
      ],
    })
    expect(mixed.markup).not.toContain('NaN')
  })
})

test('html escapes values and joins lists', () => {
  const list = ['<', '"'].map(text => html`<b>${text}</b>`)
  expect(html`${list}${undefined}${false}${0}`.markup).toBe('<b>&#60;</b><b>&#34;</b>0')
})
