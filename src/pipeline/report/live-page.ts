/** @file The page of a run that is going on: its stages, its losses, and the CAMs of the same images as training proceeds. */
import { formatDuration } from '../../train/duration.ts'
import { html, type Markup } from './html.ts'
import { metricCharts } from './metric-charts.ts'
import { renderShell } from './page-shell.ts'
import type { Training } from './report-data.ts'
import { lineChart } from './svg-chart.ts'

export interface LiveStage {
  readonly name: string
  readonly state: 'to do' | 'running' | 'stopped' | 'done'
  /** Since it began, or that it took. */
  readonly seconds: number | undefined
}

export interface LivePage {
  readonly title: string
  readonly subtitle: string
  readonly stages: readonly LiveStage[]
  readonly trainings: readonly Training[]
  /** CAMs after some steps of the training; `file` is an address relative to the page. */
  readonly snapshots: readonly {
    readonly step: number
    readonly images: readonly { readonly name: string; readonly file: string }[]
  }[]
  /** Seconds after which the page loads itself again; undefined once nothing works on the run. */
  readonly refresh: number | undefined
}

const SHOWN = 6 // snapshots side by side

/** The page as text. */
export function renderLivePage({ title, subtitle, stages, trainings, snapshots, refresh }: LivePage): string {
  const charts = trainings.flatMap(metricCharts).map(lineChart)
  const body = html`<p class="lead first">${refresh === undefined ? 'No process is working on this run now: run it again and it goes on from here.' : `This run is going on; the page loads itself again every ${refresh} seconds. When it is done, the whole report is here.`}</p>
<section><h2>Stages</h2><div class="card table"><table class="stages"><tbody>${stages.map(
    ({ name, state, seconds }) =>
      html`<tr><td>${name}</td><td>${state}</td><td>${seconds === undefined ? '' : formatDuration(seconds)}</td></tr>`,
  )}</tbody></table></div></section>
${snapshotsSection(snapshots)}
${charts.length > 0 && html`<section><h2>Curves</h2><p class="lead">Bold lines are means of an epoch, faint ones single steps. A loss that stays where it began, or is not a number, is a reason to stop.</p><div class="charts">${charts}</div></section>`}`
  const footer = 'Made by tagmask. It loads nothing from the network.'
  return renderShell({ title, subtitle, kind: 'tagmask, live', body, footer, refresh })
}

function snapshotsSection(snapshots: LivePage['snapshots']): Markup {
  const last = snapshots.at(-1)
  if (last === undefined)
    return html`<section><h2>CAMs</h2><p class="lead">None were kept. Start the run with --report to see the CAMs of twelve images as training proceeds.</p></section>`
  const shown = spread(snapshots)
  return html`<section><h2>CAMs as training proceeds</h2><p class="lead">The same images after ${shown.map(({ step }) => (step + 1).toLocaleString('en-US')).join(', ')} steps. The bright part should settle on the thing that is named; if it lies on the ground instead, more steps will not help.</p>
${last.images.map(
  ({ name }) =>
    html`<article class="card example"><header><h3>${name.replace(/^CAMs\//, '')}</h3></header><div class="views">${shown.map(
      ({ step, images }) => {
        const image = images.find(one => one.name === name)
        return (
          image !== undefined &&
          html`<figure><img src="${image.file}" loading="lazy" alt="${name} after ${step + 1} steps"><figcaption>step ${(step + 1).toLocaleString('en-US')}</figcaption></figure>`
        )
      },
    )}</div></article>`,
)}</section>`
}

/** The first, the last, and others evenly between. */
function spread<T>(all: readonly T[]): T[] {
  if (all.length <= SHOWN) return [...all]
  return Array.from({ length: SHOWN }, (_, i) => all[Math.round((i * (all.length - 1)) / (SHOWN - 1))]!)
}
