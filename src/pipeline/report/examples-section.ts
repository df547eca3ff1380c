/** @file Some images stage by stage: each example's views in a row. Needs no script. */
import { chip, classKey, errorKey, mapKey } from './colour-keys.ts'
import { html, type Markup } from './html.ts'
import type { Column, Example } from './report-data.ts'

/** A view as a file beside the page. */
export interface WrittenView {
  readonly title: string
  /** Address on the page. */
  readonly file: string
  readonly width: number
  readonly height: number
}

/** An example with its views drawn and written. */
export interface WrittenExample extends Pick<Example, 'id' | 'tags'> {
  readonly note: string | undefined
  readonly kinds: readonly Column['kind'][]
  readonly views: readonly WrittenView[]
}

/** All examples below the keys to their colours. */
export function examplesSection(examples: readonly WrittenExample[], classes: readonly string[]): Markup {
  if (examples.length === 0) return html``
  const kinds = new Set(examples.flatMap(example => example.kinds))
  return html`<section id="examples"><h2>Examples, stage by stage</h2>
<p class="lead">Some images, stage by stage. Every view is laid over its photo; the white line in a map is the threshold. Classes have one colour throughout, also in the mask PNGs (labels.txt).</p>
<div class="keys">${classKey(classes)}${kinds.has('CAM') && mapKey()}${kinds.has('errors') && errorKey()}</div>
${examples.map(
  ({ id, tags, note, views }) => html`<article class="card example">
<header><h3>${id}</h3>${tags.map(tag => chip(tag, classes))}${note !== undefined && html`<span class="note">${note}</span>`}</header>
<div class="views">${views.map(
    ({ title, file, width, height }) =>
      html`<figure><img loading="lazy" src="${file}" width="${width}" height="${height}" alt="${id}: ${title}"><figcaption>${title}</figcaption></figure>`,
  )}</div></article>`,
)}</section>`
}
