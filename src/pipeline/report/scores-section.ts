/** @file The parts of the page about scores: cards, sweep curves, per-class tables. */
import {
  bestPoint,
  type ClassRow,
  describeChoice,
  formatThreshold,
  type ScoreRecord,
} from '../../evaluate/index.ts'
import { html, type Markup } from './html.ts'
import { classColour, cssColour } from './palette.ts'
import type { Chart } from './svg-chart.ts'

/** A card for the first and the last score, or why there is none: what it is, its value, and everything needed to compare it with another. */
export function scoreCards(scores: readonly ScoreRecord[], unscored?: string | undefined): Markup {
  if (scores.length === 0)
    return html`${unscored !== undefined && html`<div class="card score"><p class="name">Not scored</p><p class="lead">${unscored}</p></div>`}`
  return html`${scores
    .filter((_, i) => i === 0 || i === scores.length - 1)
    .map(
      ({ metric, split, threshold, images, miou, fp, fn }) => html`<div class="card score">
<p class="name">${metric} mIoU on ${split}</p>
<p class="value">${miou.toFixed(2)}<small> %</small></p>
<dl class="facts">
<dt>images</dt><dd>${images.toLocaleString('en-US')}</dd>
<dt>threshold</dt><dd>${threshold === null ? 'none' : formatThreshold(threshold.value)}</dd>
${threshold !== null && html`<dt>how chosen</dt><dd>${describeChoice(threshold.choice)}</dd>`}
<dt>FP / FN</dt><dd>${fp.toFixed(2)} / ${fn.toFixed(2)} % of the union</dd>
</dl></div>`,
    )}`
}

/** All scores in the order of the pipeline, where the cards do not show them all. */
export function scoreTable(scores: readonly ScoreRecord[]): Markup {
  if (scores.length < 3) return html``
  return html`<section><h2>Stage by stage</h2>
<p class="lead">From the first CAMs to the last masks; compare only scores of the same split.</p>
<div class="card table"><table class="stages">
<thead><tr><th>score</th><th>split</th><th>images</th><th>threshold</th><th></th><th>mIoU</th><th>FP</th><th>FN</th></tr></thead>
<tbody>${scores.map(
    ({ metric, split, images, threshold, miou, fp, fn }) =>
      html`<tr><td>${metric}</td><td>${split}</td><td>${images.toLocaleString('en-US')}</td><td>${threshold === null ? 'none' : formatThreshold(threshold.value)}</td><td class="bar">${bar(miou, 'var(--accent)')}</td>${numbers(miou, fp, fn)}</tr>`,
  )}</tbody></table></div></section>`
}

/** mIoU, FP and FN over the threshold for each score that was picked from a sweep, the best point marked. */
export function sweepCharts(scores: readonly ScoreRecord[]): Chart[] {
  return scores.flatMap(({ metric, split, curve = [] }) => {
    if (curve.length === 0) return []
    const best = bestPoint(curve)
    const line = (name: string, value: 'miou' | 'fp' | 'fn') => ({
      name,
      points: curve.map(point => [point.threshold, point[value]] as const),
    })
    return {
      title: `Threshold sweep: ${metric} on ${split}, %`,
      x: 'background threshold',
      series: [line('mIoU', 'miou'), line('FP', 'fp'), line('FN', 'fn')],
      mark: {
        x: best.threshold,
        y: best.miou,
        label: `best ${best.miou.toFixed(2)} at ${formatThreshold(best.threshold)}`,
      },
      yIncludes: [0],
    }
  })
}

/** The per-class table of each score, IoU as bars. */
export function classTables(scores: readonly ScoreRecord[]): Markup {
  if (scores.length === 0) return html``
  return html`<section><h2>Per class</h2>
<p class="lead">IoU, and the shares of the union that were painted wrongly (FP) or missed (FN), in percent.</p>
${scores.map(
  (score, i) =>
    html`<details class="card table"${i === scores.length - 1 && html` open`}><summary>${score.metric} on ${score.split}</summary>${classTable(score)}</details>`,
)}</section>`
}

function classTable({ metric, split, classes, miou, fp, fn }: ScoreRecord): Markup {
  return html`<table>
<thead><tr><th>${metric} on ${split}</th><th></th><th>IoU</th><th>FP</th><th>FN</th></tr></thead>
<tbody>${classes.map(classRow)}
<tr><td>mean</td><td class="bar">${bar(miou, 'var(--accent)')}</td>${numbers(miou, fp, fn)}</tr>
</tbody></table>`
}

function classRow({ name, iou, fp, fn, absent }: ClassRow, label: number): Markup {
  const colour = label === 0 ? 'var(--soft)' : cssColour(classColour(label - 1))
  return html`<tr${absent && html` class="absent"`}><td><span class="name"><i class="swatch" style="--colour:${colour}"></i>${name}${absent && ' (no pixel)'}</span></td><td class="bar">${bar(iou, colour)}</td>${numbers(iou, fp, fn)}</tr>`
}

function bar(percent: number, colour: string): Markup {
  return html`<span class="track"><i style="--colour:${colour};width:${percent.toFixed(1)}%"></i></span>`
}

function numbers(...values: readonly number[]): Markup[] {
  return values.map(value => html`<td>${value.toFixed(2)}</td>`)
}
