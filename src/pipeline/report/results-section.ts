/** @file What a run has made, in plain words, and where it lies. */
import { html, type Markup } from './html.ts'
import type { ResultLink } from './report-data.ts'

/** The first of the links is the one to use. */
export function resultsSection(results: readonly ResultLink[]): Markup {
  if (results.length === 0) return html``
  return html`<section id="results"><h2>What was made</h2>
<p class="lead">All of it was learned from tags alone. The <strong>seed</strong> is the first guess: where the network looks when it recognises a class, cut off at a threshold. A <strong>pseudo mask</strong> is a seed whose borders were moved to the edges in the photo; a second network, of segmentation, learns from it. A <strong>prediction</strong> is what that network draws, also in photos that have no tags; <strong>labels of the last round</strong> are its masks of tagged photos, within their tags. Masks are PNG files whose numbers are the labels (0: background) listed in labels.txt.</p>
<ul class="card results">${results.map(
    ({ href, title, words }, i) =>
      html`<li>${i === 0 && html`<span class="use">use these</span> `}<a href="${href}">${title}</a>: ${words}</li>`,
  )}</ul></section>`
}
