/** @file The whole page, assembled from its sections. */
import { type EmbeddedExample, type EmbeddedImage, examplesSection } from './examples-section.ts'
import { headWeightsSection } from './head-weights-section.ts'
import { html, type Markup } from './html.ts'
import { metricCharts } from './metric-charts.ts'
import { reconstructionsSection } from './reconstructions-section.ts'
import type { Fact, ReportData } from './report-data.ts'
import { classTables, scoreCards, scoreTable, sweepCharts } from './scores-section.ts'
import { STYLE } from './style.ts'
import { lineChart } from './svg-chart.ts'
import { tokenPlotsSection } from './token-plots-section.ts'

/** The page as HTML. Its policy forbids loading anything, so that it stays whole wherever it is moved. */
export function renderPage(
  data: ReportData,
  {
    examples,
    reconstructions,
  }: { examples: readonly EmbeddedExample[]; reconstructions?: EmbeddedImage | undefined },
): string {
  const { title, subtitle, classes, scores, trainings, settings, facts, warnings, headWeights, tokenPlots } =
    data
  const charts = [...trainings.flatMap(metricCharts), ...sweepCharts(scores)].map(lineChart)
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - tagmask</title><style>${STYLE}</style></head>
<body><main>
<header><p class="eyebrow">tagmask report</p><h1>${title}</h1><p class="subtitle">${subtitle}</p></header>
<div class="top">${scoreCards(scores)}${warningBox([...scores.flatMap(score => score.warnings), ...warnings])}</div>
${scoreTable(scores)}
${examplesSection(examples, classes)}
${charts.length > 0 && html`<section><h2>Curves</h2><p class="lead">In training, bold lines are means of an epoch and faint ones single steps. In the sweep, a low threshold paints too much (FP), a high one too little (FN).</p><div class="charts">${charts}</div></section>`}
${reconstructionsSection(reconstructions)}
${headWeightsSection(headWeights)}
${tokenPlotsSection(tokenPlots, classes)}
${classTables(scores)}
${settings.length > 0 && html`<section><h2>Settings</h2><p class="lead">The full recipe is recipe.yaml, in the folder of this file.</p><div class="groups">${settings.map(group => html`<div class="card"><h3>${group.title}</h3>${factList(group.facts)}</div>`)}</div></section>`}
${facts.length > 0 && html`<section><h2>Run</h2><div class="card">${factList(facts)}</div></section>`}
<footer>Made by tagmask. This file is complete in itself; the same images lie in images/.</footer>
</main></body></html>
`
  return page.markup
}

function warningBox(warnings: readonly string[]): Markup {
  if (warnings.length === 0) return html``
  return html`<div class="warnings" role="note"><strong>Please note</strong><ul>${warnings.map(warning => html`<li>${warning}</li>`)}</ul></div>`
}

function factList(facts: readonly Fact[]): Markup {
  return html`<dl class="facts">${facts.map(({ name, value }) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
}
