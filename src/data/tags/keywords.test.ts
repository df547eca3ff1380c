/** @file Tests of keywords in XMP and IPTC, embedded and beside the image, as digiKam, Lightroom and darktable write them. */
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { InputError } from '../../errors.ts'
import { openDataset } from '../dataset.ts'
import { iptcKeywords } from './iptc.ts'
import { xmpKeywords } from './xmp.ts'

const bag = (kind: string, ...words: string[]): string =>
  `<rdf:${kind}>${words.map(word => `<rdf:li>${word}</rdf:li>`).join('')}</rdf:${kind}>`
const xmp = (body: string): string => `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">no keyword</rdf:li></rdf:Alt></dc:title>
   ${body}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`

const DIGIKAM =
  xmp(`<digiKam:TagsList>${bag('Seq', 'Animals/Cat', '_Digikam_Internal_Tags_/Color Label None', 'Garden')}</digiKam:TagsList>
  <lr:hierarchicalSubject>${bag('Bag', 'Animals|Cat', 'Garden')}</lr:hierarchicalSubject>
  <dc:subject>${bag('Bag', 'Animals', 'Cat', 'Garden')}</dc:subject>`)

/** A data set of IPTC. */
const iim = (record: number, set: number, text: string | Uint8Array): Buffer => {
  const data = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x1c, record, set, data.length >> 8, data.length & 255]), data])
}
/** Photoshop's resource blocks with it, after one of another kind with a name of odd length. */
const photoshop = (iptc: Buffer): Buffer => {
  const block = (id: number, name: string, data: Buffer): Buffer => {
    const named = Buffer.from(
      `${String.fromCharCode(name.length)}${name}${name.length % 2 === 0 ? '\0' : ''}`,
      'latin1',
    )
    const head = Buffer.alloc(6)
    head.write('8BIM', 'latin1')
    head.writeUInt16BE(id, 4)
    const size = Buffer.alloc(4)
    size.writeUInt32BE(data.length)
    return Buffer.concat([head, named, size, data, Buffer.alloc(data.length % 2)])
  }
  return Buffer.concat([
    Buffer.from('Photoshop 3.0\0', 'latin1'),
    block(0x03ed, 'ab', Buffer.alloc(7)),
    block(0x0404, '', iptc),
  ])
}

describe('XMP', () => {
  it('of digiKam: the last part of each path, without what the program notes for itself', () => {
    expect(xmpKeywords(DIGIKAM, 'a')).toEqual(['Cat', 'Garden'])
  })

  it('of Lightroom: hierarchical keywords come before flat ones, which may hold the words above', () => {
    const body = `<lr:hierarchicalSubject>${bag('Bag', 'Animals|Pets|Dog', 'darktable|format|jpg')}</lr:hierarchicalSubject><dc:subject>${bag('Bag', 'Animals', 'Pets', 'Dog')}</dc:subject>`
    expect(xmpKeywords(xmp(body), 'a')).toEqual(['Dog'])
    expect(
      xmpKeywords(xmp(`<dc:subject>${bag('Bag', 'Vögel &amp; Co', ' sea ', 'sea')}</dc:subject>`), 'a'),
    ).toEqual(['Vögel & Co', 'sea'])
  })

  it('is known by namespaces, not by prefixes', () => {
    expect(
      xmpKeywords(
        xmp(
          '<q:subject xmlns:q="http://purl.org/dc/elements/1.1/"><rdf:Bag><rdf:li>x</rdf:li></rdf:Bag></q:subject>',
        ),
        'a',
      ),
    ).toEqual(['x'])
    expect(
      xmpKeywords(
        xmp('<q:subject xmlns:q="urn:other"><rdf:Bag><rdf:li>x</rdf:li></rdf:Bag></q:subject>'),
        'a',
      ),
    ).toEqual([])
  })

  it('with padding is read, and what is no XML is refused', () => {
    expect(xmpKeywords(`${DIGIKAM}${' '.repeat(2000)}\0\0`, 'a')).toEqual(['Cat', 'Garden'])
    expect(() => xmpKeywords('<x:xmpmeta', 'a')).toThrow(InputError)
  })
})

describe('IPTC', () => {
  const words = Buffer.concat([
    iim(1, 90, '\x1b%G'),
    iim(2, 0, '\0\x04'),
    iim(2, 25, 'Wald'),
    iim(2, 120, 'caption'),
    iim(2, 25, 'Vögel'),
  ])

  it('keywords, alone and in resource blocks, in UTF-8 and Latin-1', () => {
    expect(iptcKeywords(words, 'a')).toEqual(['Wald', 'Vögel'])
    expect(iptcKeywords(photoshop(words), 'a')).toEqual(['Wald', 'Vögel'])
    expect(iptcKeywords(iim(2, 25, Buffer.from('Vögel', 'latin1')), 'a')).toEqual(['Vögel'])
  })

  it('that is cut short or something else has what is left, or none', () => {
    for (let end = 0; end < words.length; end++)
      expect(iptcKeywords(words.subarray(0, end), 'a').length).toBeLessThan(2)
    for (let end = 0; end < 60; end++) iptcKeywords(photoshop(words).subarray(0, end), 'a')
    expect(iptcKeywords(photoshop(Buffer.alloc(0)), 'a')).toEqual([])
    expect(iptcKeywords(Buffer.from([0x1c, 2, 25, 0xff, 0xff, 1]), 'a')).toEqual([])
  })
})

describe('images with keywords', () => {
  const image = () => sharp({ create: { width: 4, height: 4, channels: 3, background: '#777' } })
  /** A JPEG with an APP13 segment. */
  const withIptc = async (iptc: Buffer): Promise<Buffer> => {
    const jpeg = await image().jpeg().toBuffer()
    const data = photoshop(iptc)
    const head = Buffer.from([0xff, 0xed, (data.length + 2) >> 8, (data.length + 2) & 255])
    return Buffer.concat([jpeg.subarray(0, 2), head, data, jpeg.subarray(2)])
  }

  it('are tagged by the file beside them, else by XMP, else by IPTC', async () => {
    const embedded = await image().withXmp(DIGIKAM).jpeg().toBuffer()
    const root = await temporaryFolder({
      'images/a.jpg': embedded,
      'images/b.png': await image().withXmp(DIGIKAM.replaceAll('Cat', 'Dog')).png().toBuffer(),
      'images/c.jpg': await withIptc(iim(2, 25, 'boat')),
      'images/d.jpg': embedded,
      'images/d.jpg.xmp': DIGIKAM.replaceAll('Cat', 'Fox'),
      'images/sub/e.jpg': embedded,
      'images/sub/E.XMP': DIGIKAM.replaceAll('Cat', 'Owl'),
      'images/f.jpg': await image().jpeg().toBuffer(),
      'images/g.jpg': embedded,
      'images/g.xmp': '<broken',
    })
    const { samples, classes, warnings, notes } = await openDataset(root, { tags: 'keywords' })
    expect(classes).toEqual(['Cat', 'Dog', 'Fox', 'Garden', 'Owl', 'boat'])
    expect(samples.map(({ id, tags }) => [id, tags.map(k => classes[k]).join()])).toEqual([
      ['a', 'Cat,Garden'],
      ['b', 'Dog,Garden'],
      ['c', 'boat'],
      ['d', 'Fox,Garden'],
      ['f', ''],
      ['g', 'Cat,Garden'],
      ['sub__e', 'Garden,Owl'],
    ])
    expect(warnings[0]).toBe('1 image has keywords that cannot be read: g.jpg')
    expect(notes).toEqual([
      `${join(root, 'images')}: the keywords of 6 images are the tags: files beside them (.xmp) (2), XMP (3), IPTC (1)`,
    ])
  })

  it('of photos sorted into folders, too, whatever the folders are called', async () => {
    const photo = await image().withXmp(DIGIKAM).jpeg().toBuffer()
    const root = await temporaryFolder({ '2023/a.jpg': photo, '2024/b.jpg': photo })
    const { samples, classes } = await openDataset(root, { tags: 'keywords' })
    expect([classes, samples.map(({ id }) => id)]).toEqual([
      ['Cat', 'Garden'],
      ['2023__a', '2024__b'],
    ])
  })

  it('without any are refused', async () => {
    const root = await temporaryFolder({ 'images/a.jpg': await image().jpeg().toBuffer() })
    await expect(openDataset(root, { tags: 'keywords' })).rejects.toThrow(
      'images (keywords): holds 1 image, and none has keywords; write them into the photos or beside them (XMP or IPTC) in the photo program',
    )
  })
})
