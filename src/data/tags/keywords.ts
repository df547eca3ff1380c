/** @file Keywords that photo programs write into images, or beside them (a.jpg.xmp, a.xmp), as tags. */
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { imageHeader } from '../../io/image-header.ts'
import { stemOf } from '../image-endings.ts'
import { filesBelow } from '../image-path.ts'
import { readText, sample } from '../listing.ts'
import { FIRST, type Problems } from '../problems.ts'
import type { TagRow, TagRows } from '../tag-table.ts'
import { iptcKeywords } from './iptc.ts'
import { xmpKeywords } from './xmp.ts'

const TOGETHER = 16 // images looked into at the same time

/** Where the keywords of an image were found. */
type Place = 'beside' | 'xmp' | 'iptc'

interface Found {
  readonly words: readonly string[]
  readonly place: Place | undefined
  readonly broken: boolean
}

/** A file beside an image that describes it. */
export function isSidecar(name: string): boolean {
  return /\.xmp$/i.test(name)
}

/**
 * A row for each image of `base` that has keywords: those of the file beside it, else of its XMP, else of its IPTC. Unreadable
 * ones are a doubt. Throws InputError when no image has any.
 */
export async function keywordRows(
  base: string,
  files: readonly string[],
  { problems = FIRST }: { problems?: Problems } = {},
): Promise<TagRows & { readonly warnings: readonly string[] }> {
  const sidecars = new Map(
    (await filesBelow(base)).filter(isSidecar).map(file => [stemOf(file).toLowerCase(), file]),
  )
  const found: Found[] = []
  for (let first = 0; first < files.length; first += TOGETHER)
    found.push(
      ...(await Promise.all(
        files.slice(first, first + TOGETHER).map(file => keywordsOf(base, file, sidecars)),
      )),
    )
  const rows = files.flatMap((file, i): TagRow[] =>
    found[i]!.words.length === 0 ? [] : [{ file, tags: found[i]!.words, split: undefined, where: file }],
  )
  if (rows.length === 0)
    throw new InputError(base, `holds ${count(files.length, 'image')}, and none has keywords`, {
      field: 'keywords',
      expected: 'write them into the photos or beside them (XMP or IPTC) in the photo program',
    })
  const of = (place: Place): number => found.filter(one => one.place === place).length
  const places = [
    [of('beside'), 'files beside them (.xmp)'],
    [of('xmp'), 'XMP'],
    [of('iptc'), 'IPTC'],
  ] as const
  const told = places.flatMap(([number, name]) => (number > 0 ? [`${name} (${number})`] : []))
  const broken = files.filter((_, i) => found[i]!.broken)
  return {
    rows,
    exclusive: false,
    notes: [`${base}: the keywords of ${count(rows.length, 'image')} are the tags: ${told.join(', ')}`],
    warnings:
      broken.length === 0
        ? []
        : problems.doubt(
            'unread-keywords',
            `${count(broken.length, 'image', 'has')} keywords that cannot be read: ${sample(broken)}`,
            () =>
              broken.map(file => ({
                file: join(base, file),
                problem: 'has keywords, in it or beside it, that cannot be read',
                expected: 'write them again in the photo program',
              })),
          ),
  }
}

async function keywordsOf(base: string, file: string, sidecars: ReadonlyMap<string, string>): Promise<Found> {
  const beside = sidecars.get(file.toLowerCase()) ?? sidecars.get(stemOf(file).toLowerCase())
  let broken = false
  const tryRead = (place: Place, read: () => string[]): Found | undefined => {
    try {
      const words = read()
      return words.length === 0 ? undefined : { words, place, broken }
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      broken = true
      return undefined
    }
  }
  const text = beside === undefined ? undefined : await readText(join(base, beside))
  const own = text === undefined ? undefined : tryRead('beside', () => xmpKeywords(text, beside!))
  if (own !== undefined) return own
  const { xmp, iptc } = (await imageHeader(join(base, file))) ?? {} // stages name an unreadable image
  return (
    (xmp && tryRead('xmp', () => xmpKeywords(xmp.toString('utf8'), file))) ??
    (iptc && tryRead('iptc', () => iptcKeywords(iptc, file))) ?? { words: [], place: undefined, broken }
  )
}
