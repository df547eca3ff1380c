/** @file Line charts as inline SVG: axes, ticks, legend, one marked point. Colours come from the style sheet. */
import { html, type Markup } from './html.ts'

/** One line; `faint` ones lie behind and are not in the legend. Points are [x, y] in ascending x. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [number, number])[]
  readonly faint?: boolean
}

/** A chart; series with the same name share a colour. `mark` is a point worth seeing, with its label. */
export interface Chart {
  readonly title: string
  readonly x: string
  readonly series: readonly Series[]
  readonly mark?: { readonly x: number; readonly y: number; readonly label: string }
  /** Values that the axes include, whatever the data. */
  readonly xIncludes?: readonly number[]
  readonly yIncludes?: readonly number[]
}

const WIDTH = 540
const HEIGHT = 280
const PLOT = { left: 58, right: 524, top: 14, bottom: 232 }
const MOST_POINTS = 300
const LEAST = 1e-290 // a smaller range has no round step that a double could hold
const SAME = 1e-12 // of the values: a smaller range is rounding, and its steps would be, too

/** The chart as a figure with its title and legend. Points that are not finite are left out. */
export function lineChart({ title, x: xTitle, series, mark, xIncludes = [], yIncludes = [] }: Chart): Markup {
  const finite = series.map(({ points, ...rest }) => ({
    ...rest,
    points: points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)),
  }))
  const all = finite.flatMap(({ points }) => points)
  if (all.length === 0) return html``
  const xScale = scale([...all.map(([x]) => x), ...xIncludes], {
    from: PLOT.left,
    to: PLOT.right,
    tight: true,
  })
  const yScale = scale([...all.map(([, y]) => y), ...yIncludes], { from: PLOT.bottom, to: PLOT.top })
  const lines = finite.map(({ points, ...rest }) => ({ ...rest, points: thin(points) }))
  const names = [...new Set(lines.map(({ name }) => name))]
  const order = [...lines].sort((a, b) => Number(b.faint ?? false) - Number(a.faint ?? false))
  return html`<figure class="chart">
<figcaption><strong>${title}</strong>${names.length > 1 && html`<span class="legend">${names.map((name, i) => html`<span><i class="swatch c${i % 6}"></i>${name}</span>`)}</span>`}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
${yScale.ticks.map(tick => html`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${round(yScale.at(tick))}" y2="${round(yScale.at(tick))}"/><text class="tick" x="${PLOT.left - 8}" y="${round(yScale.at(tick) + 4)}" text-anchor="end">${formatTick(tick, yScale.ticks)}</text>`)}
${xScale.ticks.map(tick => html`<line class="axis" x1="${round(xScale.at(tick))}" x2="${round(xScale.at(tick))}" y1="${PLOT.bottom}" y2="${PLOT.bottom + 5}"/><text class="tick" x="${round(xScale.at(tick))}" y="${PLOT.bottom + 20}" text-anchor="middle">${formatTick(tick, xScale.ticks)}</text>`)}
<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>
<text class="label" x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${xTitle}</text>
${order.map(({ name, points, faint = false }) => {
  const path = points.map(([x, y]) => `${round(xScale.at(x))},${round(yScale.at(y))}`).join(' ')
  const colour = `c${names.indexOf(name) % 6}`
  const only = points[0]
  if (points.length === 1 && only !== undefined)
    return html`<circle class="dot ${colour}" cx="${round(xScale.at(only[0]))}" cy="${round(yScale.at(only[1]))}" r="4"/>`
  return html`<polyline class="line ${colour}${faint ? ' faint' : ''}" points="${path}"/>`
})}
${mark !== undefined && drawMark(mark, xScale.at(mark.x), yScale.at(mark.y))}
</svg></figure>`
}

function drawMark({ label }: { label: string }, x: number, y: number): Markup {
  const left = x > (PLOT.left + PLOT.right) / 2
  const low = y < PLOT.top + 24 ? y + 24 : y - 12
  return html`<line class="mark" x1="${round(x)}" x2="${round(x)}" y1="${round(y)}" y2="${PLOT.bottom}"/>
<circle class="dot c0" cx="${round(x)}" cy="${round(y)}" r="5"/>
<text class="marked" x="${round(x + (left ? -9 : 9))}" y="${round(low)}" text-anchor="${left ? 'end' : 'start'}">${label}</text>`
}

interface Scale {
  readonly ticks: readonly number[]
  at(value: number): number
}

/** A linear scale with ticks at round numbers; `tight` ends at the data, else at the ticks around them. */
function scale(
  values: readonly number[],
  { from, to, tight = false }: { from: number; to: number; tight?: boolean },
): Scale {
  let low = values.reduce((a, b) => Math.min(a, b))
  let high = values.reduce((a, b) => Math.max(a, b))
  if (high - low < Math.max(LEAST, SAME * Math.max(Math.abs(low), Math.abs(high)))) {
    const half = Math.abs(low) / 2
    ;[low, high] = half < LEAST ? [0, 1] : [low - half, high + half]
  }
  const step = niceStep((high - low) / 5)
  const first = tight ? Math.ceil(low / step - 1e-9) : Math.floor(low / step + 1e-9)
  const last = tight ? Math.floor(high / step + 1e-9) : Math.ceil(high / step - 1e-9)
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
  const [bottom, top] = tight ? [low, high] : [first * step, last * step]
  return { ticks, at: value => from + ((value - bottom) / (top - bottom)) * (to - from) }
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * ([1, 2, 2.5, 5].find(factor => factor * power >= rough * 0.999) ?? 10)
}

/** As many decimals as the ticks' distance needs; very small numbers as powers of ten. */
function formatTick(value: number, ticks: readonly number[]): string {
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0))
  if (step < 1e-3) return value === 0 ? '0' : Number(value.toPrecision(3)).toExponential()
  if (step >= 1) return Number(value.toFixed(1)).toLocaleString('en-US')
  return value.toFixed(
    Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) +
      (Math.abs(step * 10 ** Math.ceil(-Math.log10(step)) - 2.5) < 1e-6 ? 1 : 0),
  )
}

/** At most 300 points: each the mean of its neighbours, so that long runs stay small and readable. */
function thin(points: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  if (points.length <= MOST_POINTS) return points
  const size = points.length / MOST_POINTS
  return Array.from({ length: MOST_POINTS }, (_, i) => {
    const bucket = points.slice(Math.floor(i * size), Math.floor((i + 1) * size))
    const sum = bucket.reduce(([sx, sy], [x, y]) => [sx + x, sy + y] as const, [0, 0] as const)
    return [sum[0] / bucket.length, sum[1] / bucket.length] as const
  })
}

function round(value: number): string {
  return String(Number(value.toFixed(1)))
}
