/** @file The keys to the colours of classes, scores and mistakes. */
import { labelColour } from '../../io/label-legend.ts'
import { shortName } from '../../io/printable.ts'
import { html, type Markup } from './html.ts'
import { classColour, cssColour, ERROR_COLOURS, scoreColour } from './palette.ts'

/** Every class, the background first. */
export function classKey(classes: readonly string[]): Markup {
  const item = (name: string, colour: string) =>
    html`<span title="${name}"><i class="swatch" style="--colour:${colour}"></i>${shortName(name)}</span>`
  return html`<span class="legend classes">${item('background', cssColour(labelColour(0)))}${classes.map((name, k) => item(name, cssColour(classColour(k))))}</span>`
}

/** A tag with the colour of its class. */
export function chip(tag: string, classes: readonly string[]): Markup {
  const k = classes.indexOf(tag)
  return html`<span class="tag"><i class="swatch" style="--colour:${k < 0 ? 'var(--soft)' : cssColour(classColour(k))}"></i>${shortName(tag, { most: 60 })}</span>`
}

/** Of scores from 0 to 1. */
export function mapKey(): Markup {
  const stops = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1].map(score => cssColour(scoreColour(score))).join(',')
  return html`<span class="legend"><span>scores: 0 <i class="ramp" style="background:linear-gradient(90deg,${stops})"></i> 1</span></span>`
}

/** Of the kinds of pixels of an error map. */
export function errorKey(): Markup {
  return html`<span class="legend"><span>mistakes:</span>${Object.values(ERROR_COLOURS).map(({ colour, meaning }) => html`<span><i class="swatch" style="--colour:${cssColour(colour)}"></i>${meaning}</span>`)}</span>`
}
