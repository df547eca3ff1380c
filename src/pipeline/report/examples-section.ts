/** @file The images of the page: each example's views in a row, and the keys to their colours. */
import { labelColour } from '../../io/label-legend.ts'
import { shortName } from '../../io/printable.ts'
import { html, type Markup, markup } from './html.ts'
import { classColour, cssColour, ERROR_COLOURS, scoreColour } from './palette.ts'
import type { Example } from './report-data.ts'

/** An image as it is embedded: a data URI. */
export interface EmbeddedImage {
  readonly uri: string
  readonly width: number
  readonly height: number
}

/** A view, under its heading. */
export interface EmbeddedView extends EmbeddedImage {
  readonly title: string
}

/** An example with its views drawn and encoded. */
export interface EmbeddedExample {
  readonly example: Example
  readonly views: readonly EmbeddedView[]
}

/** All examples below the keys to their colours. */
export function examplesSection(examples: readonly EmbeddedExample[], classes: readonly string[]): Markup {
  if (examples.length === 0) return html``
  const kinds = new Set(examples.flatMap(({ example }) => example.columns.map(({ kind }) => kind)))
  return html`<section><h2>Images</h2>
<p class="lead">Every view is laid over its photo. Classes have one colour throughout, also in the mask PNGs (labels.txt).</p>
<div class="keys">${classKey(classes)}${kinds.has('CAM') && mapKey()}${kinds.has('errors') && errorKey()}</div>
${examples.map(
  ({ example: { id, tags, note }, views }) => html`<article class="card example">
<header><h3>${id}</h3>${tags.map(tag => chip(tag, classes))}${note !== undefined && html`<span class="note">${note}</span>`}</header>
<div class="views">${views.map(
    ({ title, uri, width, height }) =>
      html`<figure><img src="${markup(uri)}" width="${width}" height="${height}" alt="${id}: ${title}"><figcaption>${title}</figcaption></figure>`,
  )}</div></article>`,
)}</section>`
}

function classKey(classes: readonly string[]): Markup {
  const item = (name: string, colour: string) =>
    html`<span title="${name}"><i class="swatch" style="--colour:${colour}"></i>${shortName(name)}</span>`
  return html`<span class="legend classes">${item('background', cssColour(labelColour(0)))}${classes.map((name, k) => item(name, cssColour(classColour(k))))}</span>`
}

function chip(tag: string, classes: readonly string[]): Markup {
  const k = classes.indexOf(tag)
  return html`<span class="tag"><i class="swatch" style="--colour:${k < 0 ? 'var(--soft)' : cssColour(classColour(k))}"></i>${shortName(tag, { most: 60 })}</span>`
}

function mapKey(): Markup {
  const stops = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1].map(score => cssColour(scoreColour(score))).join(',')
  return html`<span class="legend"><span>CAM: 0 <i class="ramp" style="background:linear-gradient(90deg,${stops})"></i> 1, white line: the threshold</span></span>`
}

function errorKey(): Markup {
  return html`<span class="legend"><span>mistakes:</span>${Object.values(ERROR_COLOURS).map(({ colour, meaning }) => html`<span><i class="swatch" style="--colour:${cssColour(colour)}"></i>${meaning}</span>`)}</span>`
}
