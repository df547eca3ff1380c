/** @file A file that says what the colours or numbers of masks stand for: labels.txt, labelmap.txt, classes.csv and their like. */
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { IGNORE } from '../io/label-values.ts'
import { listFolder, readText, sample } from './listing.ts'
import { nameOf } from './mask-keys.ts'
import { FIRST, type Problems } from './problems.ts'
import type { MaskReading } from './sample.ts'
import { cleanWord, foldWord } from './tag-words.ts'

/** What such files are called by CVAT, CamVid, Roboflow, and our own results. */
const NAMES = [
  'labelmap.txt',
  'labels.txt',
  'label_colors.txt',
  'class_dict.csv',
  'classes.csv',
  '_classes.csv',
  'labelmap.csv',
]

/** Whether a file in masks/ explains them: a legend, or the JSON of our own results. */
export function isLegend(name: string): boolean {
  return NAMES.includes(name.toLowerCase()) || name === 'labels.json'
}

/** One of its lines: a name with its colour (0xRRGGBB) or its number. */
interface LegendEntry {
  readonly name: string
  readonly colour: number | undefined
  readonly number: number | undefined
}

export interface MaskLegend {
  readonly path: string
  readonly entries: readonly LegendEntry[]
}

/** The legend in a folder or its masks/; undefined without one. A line that is none is a fault. */
export async function findLegend(
  root: string,
  { problems = FIRST }: { problems?: Problems } = {},
): Promise<MaskLegend | undefined> {
  const folders = (await listFolder(root)).filter(name => name.toLowerCase() === 'masks')
  for (const folder of [root, ...folders.map(name => join(root, name))]) {
    const there = await listFolder(folder)
    const name = NAMES.map(known => there.find(own => own.toLowerCase() === known)).find(
      own => own !== undefined,
    )
    if (name === undefined) continue
    const path = join(folder, name)
    const entries = parseLegend(path, (await readText(path)) ?? '', problems)
    if (entries.length > 0) return { path, entries }
  }
  return undefined
}

/** Names of the foreground classes, in order. */
export function legendClasses({ entries }: MaskLegend): string[] {
  return [...new Set(entries.map(({ name }) => name).filter(name => meaningOf(name) === undefined))]
}

/**
 * How masks are read by a legend. `unknown`: names in it that are no class, which are background. `doubled`: in words, the
 * colours of two classes, of which the first has it.
 */
export function legendReading(
  { path, entries }: MaskLegend,
  classes: readonly string[],
): { reading: MaskReading; unknown: readonly string[]; doubled: readonly string[] } {
  const labelOf = new Map(classes.map((name, k) => [foldWord(name), k + 1]))
  const by = entries.some(({ colour }) => colour !== undefined) ? 'colour' : 'number'
  const labels = new Map<number, readonly number[]>(
    by === 'number'
      ? [
          [0, [0]],
          [IGNORE, [IGNORE]],
        ]
      : [[0, [0]]],
  )
  const unknown: string[] = []
  const doubled: string[] = []
  const named = new Map<number, { readonly name: string; readonly label: number | undefined }>()
  for (const { name, colour, number } of entries) {
    const key = by === 'colour' ? colour : number
    if (key === undefined) continue
    const label = labelOf.get(foldWord(name)) ?? meaningOf(name)
    if (label === undefined) unknown.push(name)
    const before = named.get(key)
    if (before !== undefined && before.label !== label)
      doubled.push(`${nameOf(key, by)} is "${before.name}" and "${name}"`)
    if (before !== undefined && before.label !== undefined) continue
    named.set(key, { name, label })
    labels.set(key, [label ?? 0])
  }
  return { reading: { by, labels, rule: `the ${by}s are those of ${path}` }, unknown, doubled }
}

/** "the colours of the masks are read by labelmap.txt" */
export function legendWords({ path }: MaskLegend, { by }: MaskReading, unknown: readonly string[]): string {
  const rest =
    unknown.length === 0 ? '' : `; in it are no classes, and background here: ${sample(unknown, 5)}`
  return `the ${by}s of the masks are read as ${path} says${rest}`
}

/** 0 for the background, 255 for what is not to be scored; undefined for a class. */
function meaningOf(name: string): number | undefined {
  if (/^_*(?:background|bg)_*$/i.test(name)) return 0
  return /^_*(?:void|ignored?|ignore[ _-]?label|unlabell?ed|unknown|border)_*$/i.test(name)
    ? IGNORE
    : undefined
}

const CVAT = /^([^:]+):\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(?::.*)?$/ // label:color_rgb:parts:actions

function parseLegend(path: string, text: string, problems: Problems): LegendEntry[] {
  const entries: LegendEntry[] = []
  const lines = text.split(/\r\n|\r|\n/)
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '' || /^\s*(?:#(?![0-9a-f]{6}\b)|\/\/)/i.test(line)) continue
    const entry = entryOf(line.trim())
    if (entry !== undefined) entries.push(entry)
    else if (entries.length > 0 || CVAT.test(line.trim()))
      problems.fault(
        'bad-row',
        new InputError(path, `"${line.trim().slice(0, 60)}" names no colour and no number`, {
          field: `line ${i + 1}`,
          expected: 'name and colour a line: cat,128,0,0 or cat #800000 or cat:128,0,0::',
        }),
      )
    // else a header, or a list of names alone
  }
  return entries
}

function entryOf(line: string): LegendEntry | undefined {
  const [, label, ...rgb] = CVAT.exec(line) ?? []
  if (label !== undefined) return rgb.every(isByte) ? entry([label], colourOf(rgb.map(Number))) : undefined
  const cells = line.split(/[\t,;]/)
  const words = (cells.length > 1 ? cells : line.split(/\s+/)).flatMap(cell =>
    /^[\d\s]+$/.test(cell.trim()) ? cell.trim().split(/\s+/) : [cell.trim()],
  )
  const hex = words.findIndex(word => /^#[0-9a-f]{6}$/i.test(word))
  if (hex >= 0) return entry(without(words, hex, 1), Number.parseInt(words[hex]!.slice(1), 16))
  const first = words.findIndex((_, i) => [0, 1, 2].every(k => isByte(words[i + k])))
  if (first >= 0 && words.length > 3) {
    const at = isByte(words[first + 3]) && first === 0 ? 1 : first // index r g b name
    return entry(without(words, at, 3), colourOf(words.slice(at, at + 3).map(Number)))
  }
  if (words.filter(word => /^\d+$/.test(word)).length > 2) return undefined // a colour beyond 255
  const number = words.findIndex(isByte)
  return number >= 0 && words.length > 1
    ? entry(without(words, number, 1), undefined, Number(words[number]))
    : undefined
}

function isByte(word: string | undefined): boolean {
  return /^\d{1,3}$/.test(word ?? '') && Number(word) < 256
}

function entry(
  words: readonly string[],
  colour: number | undefined,
  number?: number,
): LegendEntry | undefined {
  const named = words.filter(word => word !== '' && !/^\d+$/.test(word))
  const name = cleanWord(named.join(' ').replace(/^"(.*)"$/, '$1'))
  return name === '' ? undefined : { name, colour, number }
}

function without(words: readonly string[], at: number, count: number): string[] {
  return [...words.slice(0, at), ...words.slice(at + count)]
}

function colourOf([red = 0, green = 0, blue = 0]: readonly number[]): number {
  return (red << 16) | (green << 8) | blue
}
