import { expect, it } from 'vitest'
import { encodeLabelMap } from './indexed-png.ts'
import { hexColour, labelColour, legendJson, legendNames, legendSvg, legendText } from './label-legend.ts'

const NAMES = ['background', 'cat', 'a\nb\u001b[2J', '</text><script>', 'x'.repeat(300)]

it('says for each label its index, its colour in the PNG, and its name', () => {
  expect(legendText(NAMES)).toBe(
    '0\t#000000\tbackground\n' +
      '1\t#800000\tcat\n' +
      '2\t#008000\ta\\nb\\u001b[2J\n' +
      '3\t#808000\t</text><script>\n' +
      `4\t#000080\t${'x'.repeat(300)}\n`,
  )
  expect(JSON.parse(legendJson(NAMES))).toEqual(
    NAMES.map((name, index) => ({ index, name, colour: hexColour(labelColour(index)) })),
  )
})

it('has the colours of the palette that masks are written with', () => {
  const png = Buffer.from(encodeLabelMap({ width: 1, height: 1, data: Uint8Array.of(0) }))
  const palette = png.subarray(png.indexOf('PLTE') + 4)
  const colours = Array.from(
    { length: 256 },
    (_, label) => `#${palette.subarray(3 * label, 3 * label + 3).toString('hex')}`,
  )
  expect(colours).toEqual(Array.from({ length: 256 }, (_, label) => hexColour(labelColour(label))))
  expect(new Set(colours).size).toBe(256)
})

it('draws names as text, never as elements, and cuts long ones', () => {
  const svg = legendSvg(NAMES)
  expect(svg.match(/<(?!\/)[a-z]+/g)!.filter(tag => !/^<(svg|rect|text)$/.test(tag))).toEqual([])
  expect(svg.match(/<text /g)).toHaveLength(5)
  expect(svg).toContain('>2 a\\nb\\u001b[2J<')
  expect(svg).not.toContain('x'.repeat(30))
})

it('refuses a damaged list of names, and names the file', () => {
  expect(legendNames(legendJson(NAMES))).toEqual(NAMES)
  for (const text of ['', '[{"name": "cat"', 'null', '{}', '[null]', '[{"name": 3}]'])
    expect(() => legendNames(text, 'run/labels.json')).toThrow(
      'run/labels.json: is damaged; a list of {"index": 0, "name": "background"}',
    )
})
