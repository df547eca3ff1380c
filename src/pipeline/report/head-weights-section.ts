/** @file The attention heads on the page: their weights, as a chart of layers by heads. */
import type { HeadWeights } from '../../methods/head-weights.ts'
import { html, type Markup } from './html.ts'
import { cssColour, scoreColour } from './palette.ts'

const CELL = { width: 52, height: 34 }
const LEFT = 66 // room for the names of the heads
const BELOW = 42 // and of the layers

/** Each cell is one head's mean weight; cells are coloured from the least weight to the greatest. */
export function headWeightsSection(weights: HeadWeights | undefined): Markup {
  if (weights === undefined) return html``
  const { mean, deviation, views } = weights
  const all = mean.flat()
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const spread = Math.max(...deviation.flat())
  const layers = mean[0]?.length ?? 0
  const [width, height] = [LEFT + layers * CELL.width, mean.length * CELL.height + BELOW]
  const shade = (value: number): number => (high === low ? 0.5 : (value - low) / (high - low))
  return html`<section><h2>Attention heads</h2>
<p class="lead">The weight of each head in the fused attention, mean over ${views.toLocaleString('en-US')} views of images; the most that one varies from view to view is ± ${format(spread)}. Colours go from ${format(low)} to ${format(high)}.</p>
<figure class="chart heads"><svg viewBox="0 0 ${width} ${height}" style="max-width: ${width}px" role="img" aria-label="weights of attention heads">
${mean.map((row, head) => {
  const y = head * CELL.height
  return html`<text x="${LEFT - 10}" y="${y + CELL.height / 2 + 4}" text-anchor="end">head ${head + 1}</text>${row.map(
    (value, layer) =>
      html`<rect x="${LEFT + layer * CELL.width}" y="${y}" width="${CELL.width - 2}" height="${CELL.height - 2}" rx="4" fill="${cssColour(scoreColour(0.12 + 0.8 * shade(value)))}"><title>layer ${layer + 1}, head ${head + 1}: ${format(value)} ± ${format(deviation[head]?.[layer] ?? 0)}</title></rect><text class="${shade(value) > 0.62 ? 'on-light' : 'on-dark'}" x="${LEFT + (layer + 0.5) * CELL.width - 1}" y="${y + CELL.height / 2 + 3}" text-anchor="middle">${value.toFixed(2)}</text>`,
  )}`
})}
${Array.from({ length: layers }, (_, layer) => html`<text x="${LEFT + (layer + 0.5) * CELL.width - 1}" y="${mean.length * CELL.height + 16}" text-anchor="middle">${layer + 1}</text>`)}
<text class="label" x="${LEFT + (layers * CELL.width) / 2}" y="${height - 6}" text-anchor="middle">layer</text>
</svg></figure></section>`
}

function format(value: number): string {
  return value.toFixed(3)
}
