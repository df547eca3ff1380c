/** @file The whole report, assembled from its sections. */
import { examplesSection, type WrittenExample } from './examples-section.ts'
import type { GalleryPage } from './gallery.ts'
import { gallerySection } from './gallery-section.ts'
import { headWeightsSection } from './head-weights-section.ts'
import { html, type Markup } from './html.ts'
import { metricCharts } from './metric-charts.ts'
import { renderShell } from './page-shell.ts'
import { reconstructionsSection } from './reconstructions-section.ts'
import type { Fact, ReportData } from './report-data.ts'
import { resultsSection } from './results-section.ts'
import { classTables, scoreCards, scoreTable, sweepCharts } from './scores-section.ts'
import { lineChart } from './svg-chart.ts'
import { tokenPlotsSection } from './token-plots-section.ts'
import { findWeakClasses } from './weak-classes.ts'
import { weakClassesSection } from './weak-classes-section.ts'

/** What of a report lies in files beside it. */
export interface WrittenFiles {
  readonly examples: readonly WrittenExample[]
  readonly gallery: GalleryPage
  /** Address of the reconstructions. */
  readonly reconstructions?: WrittenImage | undefined
}

export interface WrittenImage {
  readonly file: string
  readonly width: number
  readonly height: number
}

/** The page as HTML. */
export function renderPage(data: ReportData, { examples, gallery, reconstructions }: WrittenFiles): string {
  const { title, subtitle, classes, scores, unscored, trainings, settings, facts, warnings } = data
  const charts = [...trainings.flatMap(metricCharts), ...sweepCharts(scores)].map(lineChart)
  const weak = findWeakClasses(classes, { scores, images: gallery.images })
  const body = html`<div class="top">${scoreCards(scores, unscored)}${warningBox([...scores.flatMap(score => score.warnings), ...warnings])}</div>
${resultsSection(data.results)}
${weakClassesSection(weak)}
${data.gallery !== undefined && gallerySection(classes, data.gallery, gallery)}
${scoreTable(scores)}
${examplesSection(examples, classes)}
${charts.length > 0 && html`<section><h2>Curves</h2><p class="lead">In training, bold lines are means of an epoch and faint ones single steps.${sweepCharts(scores).length > 0 && ' In the sweep, a low threshold paints too much (FP), a high one too little (FN).'}</p><div class="charts">${charts}</div></section>`}
${reconstructionsSection(reconstructions)}
${headWeightsSection(data.headWeights)}
${tokenPlotsSection(data.tokenPlots, classes)}
${classTables(scores)}
${settings.length > 0 && html`<section><h2>Settings</h2><p class="lead">The full recipe is recipe.yaml, in the folder of this file.</p><div class="groups">${settings.map(group => html`<div class="card"><h3>${group.title}</h3>${factList(group.facts)}</div>`)}</div></section>`}
${facts.length > 0 && html`<section><h2>Run</h2><div class="card">${factList(facts)}</div></section>`}`
  const footer =
    'Made by tagmask. The images of this page are in the folder report/ beside it: move or send both together. It loads nothing from the network.'
  return renderShell({ title, subtitle, kind: 'tagmask report', body, footer })
}

function warningBox(warnings: readonly string[]): Markup {
  if (warnings.length === 0) return html``
  return html`<div class="warnings" role="note"><strong>Please note</strong><ul>${warnings.map(warning => html`<li>${warning}</li>`)}</ul></div>`
}

function factList(facts: readonly Fact[]): Markup {
  return html`<dl class="facts">${facts.map(({ name, value }) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
}
