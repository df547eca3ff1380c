/** @file Names and colours of the labels of masks: labels.txt, labels.json, legend.svg. One palette for all. */
import { InputError } from '../errors.ts'
import { VOC_PALETTE } from './indexed-png.ts'
import { printable, shortName } from './printable.ts'

/** Red, green, blue in 0..255. */
export type LabelColour = readonly [number, number, number]

/** The colour of a label in mask PNGs; 0 is the background. */
export function labelColour(label: number): LabelColour {
  return VOC_PALETTE[label & 255]!
}

/** `#rrggbb` */
export function hexColour(colour: LabelColour): string {
  return `#${colour.map(channel => Math.round(channel).toString(16).padStart(2, '0')).join('')}`
}

/** The files that explain a folder of masks, by name. `names` are those of the labels, the background first. */
export function legendFiles(names: readonly string[]): Map<string, string> {
  return new Map([
    ['labels.txt', legendText(names)],
    ['labels.json', legendJson(names)],
  ])
}

/** A label a line: index, colour, name, with tabs between; control characters in a name are escapes. */
export function legendText(names: readonly string[]): string {
  return names
    .map((name, k) => `${k}\t${hexColour(labelColour(k))}\t${printable(name, { oneLine: true })}\n`)
    .join('')
}

/** The names in such a text; undefined for another one. */
export function legendTextNames(text: string): string[] | undefined {
  const lines = text.split(/\r?\n/).filter(line => line !== '')
  const names = lines.map(line => /^\d+\t#[0-9a-f]{6}\t(.+)$/.exec(line)?.[1])
  return names.length > 0 && names.every(name => name !== undefined) ? names : undefined
}

/** The same for programs: an object for each label, names exactly as they are. */
export function legendJson(names: readonly string[]): string {
  const lines = names.map((name, index) =>
    JSON.stringify({ index, name, colour: hexColour(labelColour(index)) }),
  )
  return `[\n${lines.map(line => `  ${line}`).join(',\n')}\n]\n`
}

/** The names in such a text. Throws InputError when it is damaged. */
export function legendNames(json: string, file = 'labels.json'): string[] {
  try {
    const labels = JSON.parse(json) as { readonly name: unknown }[]
    return labels.map(({ name }) => {
      if (typeof name !== 'string') throw new TypeError('a label without a name')
      return name
    })
  } catch (cause) {
    throw new InputError(file, 'is damaged', {
      expected: 'a list of {"index": 0, "name": "background"}',
      cause,
    })
  }
}

const COLUMN = { width: 260, rows: 20, row: 26 }

/** The same as an image: a swatch and a name for each label, in columns; long names are cut. */
export function legendSvg(names: readonly string[]): string {
  const columns = Math.max(1, Math.ceil(names.length / COLUMN.rows))
  const width = 16 + columns * COLUMN.width
  const height = 20 + Math.min(names.length, COLUMN.rows) * COLUMN.row
  const items = names.map((name, k) => {
    const x = 16 + Math.floor(k / COLUMN.rows) * COLUMN.width
    const y = 12 + (k % COLUMN.rows) * COLUMN.row
    const text = escapeXml(`${k} ${shortName(name, { most: 26 })}`)
    return `<rect x="${x}" y="${y}" width="18" height="18" rx="3" fill="${hexColour(labelColour(k))}" stroke="#888"/><text x="${x + 28}" y="${y + 14}">${text}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="14"><rect width="100%" height="100%" fill="#fff"/>
${items.join('\n')}
</svg>
`
}

function escapeXml(text: string): string {
  return text
    .replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
    .replace(/[\uFFFE\uFFFF]/g, '?')
}
