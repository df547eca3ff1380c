/** @file Tests of the limits on XML: entities, depth, length, faults. */
import { describe, expect, it } from 'vitest'
import { walkXml } from './xml.ts'

function texts(xml: string): Record<string, string> {
  const found: Record<string, string> = {}
  walkXml(xml, 'a.xml', {
    close: (text, path) => {
      found[path.join('/')] = text
    },
  })
  return found
}

describe('XML', () => {
  it('gives the text of each element, entities and CDATA resolved, comments left out', () => {
    expect(
      texts('\ufeff<?xml version="1.0"?><a> x &lt;&#233; <!-- <b>no</b> --><b>y</b><![CDATA[ & ]]>z</a>'),
    ).toEqual({
      'a/b': 'y',
      a: 'x <é  & z',
    })
  })

  it('gives attributes and namespaces by what they stand for, not by their prefix', () => {
    const seen: unknown[] = []
    walkXml('<q:a xmlns:q="urn:1" q:k="v &amp; w"/>', 'a.xml', { open: element => seen.push(element) })
    expect(seen).toEqual([{ name: 'a', uri: 'urn:1', attributes: { q: 'urn:1', k: 'v & w' } }])
  })

  it('expands no entity of its own', () => {
    const bomb = `<!DOCTYPE a [<!ENTITY x "yyyy"><!ENTITY z "&x;&x;"><!ENTITY f SYSTEM "file:///etc/passwd">]><a>&z;&f;</a>`
    expect(() => texts(bomb)).toThrow(
      'a.xml (line 1): is not well-formed XML (Invalid character entity); export it again',
    )
  })

  it('is refused when it is nested deeply, at once', () => {
    const began = performance.now()
    expect(() => texts('<a>'.repeat(2 ** 20))).toThrow('a.xml (line 1): is nested deeper than 100 elements')
    expect(performance.now() - began).toBeLessThan(2000)
  })

  it('is refused when it is cut short or no XML', () => {
    expect(() => texts('<a>\n<b>')).toThrow(
      'a.xml (line 2): is not well-formed XML (Unclosed root tag); export it again',
    )
    expect(() => texts('cat,dog')).toThrow('is not well-formed XML')
    expect(() => texts('')).not.toThrow()
  })

  it('may have attributes of a megabyte', () => {
    const long = '1,2;'.repeat(2 ** 18)
    const seen: number[] = []
    walkXml(`<a b="${long}"/>`, 'a.xml', { open: ({ attributes }) => seen.push(attributes.b!.length) })
    expect(seen).toEqual([2 ** 20])
  })
})
