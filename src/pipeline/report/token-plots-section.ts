/** @file The class tokens on the page: those of every layer as points in two dimensions, a colour for each class. */
import { html, type Markup, markup } from './html.ts'
import { classColour, cssColour } from './palette.ts'

export type Point = readonly [number, number]

/** Tokens of tags in images, out of each block. */
export interface TokenPlots {
  /** Of each token, from 0. */
  readonly classes: readonly number[]
  readonly layers: readonly {
    /** Of the tokens themselves, not of their plots. */
    readonly silhouette: number
    readonly pca: readonly Point[]
    readonly tsne: readonly Point[]
  }[]
}

const SIDE = 150
const MARGIN = 8

/** A row for each of PCA and t-SNE. */
export function tokenPlotsSection(plots: TokenPlots | undefined, names: readonly string[]): Markup {
  if (plots === undefined) return html``
  const { classes, layers } = plots
  const seen = [...new Set(classes)].sort((a, b) => a - b)
  const best = layers.reduce((top, { silhouette }, i) => (silhouette > layers[top]!.silhouette ? i : top), 0)
  const row = (name: string, points: (layer: TokenPlots['layers'][number]) => readonly Point[]): Markup =>
    html`<h3>${name}</h3><div class="tokens">${layers.map(
      (layer, i) =>
        html`<figure><svg viewBox="0 0 ${SIDE} ${SIDE}" role="img" aria-label="class tokens out of block ${i + 1}, ${name}">${drawPoints(points(layer), classes, seen)}</svg><figcaption>block ${i + 1}: ${layer.silhouette.toFixed(2)}</figcaption></figure>`,
    )}</div>`
  return html`<section><h2>Class tokens</h2>
<p class="lead">The tokens of the tags of ${classes.length.toLocaleString('en-US')} image-tag pairs out of each block, a point each, in the colour of their class. Tokens of one class should lie together and apart from others. Below each plot its silhouette, from -1 to 1, of the tokens themselves and not of the plot: the greatest, ${layers[best]!.silhouette.toFixed(2)}, is out of block ${best + 1}. In the first blocks the tokens are still almost those that were learned, the same in every image.</p>
<p class="legend">${seen.map(index => html`<span><i class="swatch" style="background: ${cssColour(classColour(index))}"></i>${names[index] ?? `class ${index}`}</span>`)}</p>
${row('PCA', ({ pca }) => pca)}${row('t-SNE', ({ tsne }) => tsne)}</section>`
}

/** A path for each class: a dot is a line of no length with round ends. */
function drawPoints(points: readonly Point[], classes: readonly number[], seen: readonly number[]): Markup {
  const at = [0, 1].map(axis => {
    const values = points.map(point => point[axis]!)
    const [low, high] = [Math.min(...values), Math.max(...values)]
    const scale = high > low ? (SIDE - 2 * MARGIN) / (high - low) : 0
    return (point: Point): string => (MARGIN + (point[axis]! - low) * scale).toFixed(1)
  }) as [(point: Point) => string, (point: Point) => string]
  return html`${seen.map(index => {
    const dots = points.flatMap((point, i) =>
      classes[i] === index ? [`M${at[0](point)} ${at[1](point)}h0`] : [],
    )
    return html`<path d="${markup(dots.join(''))}" stroke="${cssColour(classColour(index))}" stroke-width="5" stroke-linecap="round" fill="none" opacity="0.75"/>`
  })}`
}
