/** @file All images of the page: its controls, the filters that colour score maps, the dialog, the data of the script. */
import { formatThreshold } from '../../evaluate/index.ts'
import { shortName } from '../../io/printable.ts'
import type { PageData } from './browser/page-data.ts'
import { classKey, errorKey, mapKey } from './colour-keys.ts'
import type { Gallery, GalleryPage, GalleryThreshold } from './gallery.ts'
import { html, type Markup, markup } from './html.ts'
import { LEAST_ALPHA } from './overlay-pixels.ts'
import { classColour, cssColour, scoreColour } from './palette.ts'

/** The section; nothing for a gallery without images. */
export function gallerySection(
  classes: readonly string[],
  { sets, tagged, threshold }: Gallery,
  { views, images }: GalleryPage,
): Markup {
  if (images.length === 0) return html``
  const has = (kind: string): boolean => views.some(view => view.kind === kind)
  const slider = has('seed') ? threshold : undefined
  const data: PageData = {
    classes: classes.map((name, k) => ({ name: shortName(name), colour: cssColour(classColour(k)) })),
    sets: sets.map(name => shortName(name)),
    views,
    firstView: firstView(views),
    images,
    tagged,
    ...(slider !== undefined && { threshold: { value: slider.value, curve: slider.curve } }),
  }
  const scored = images.some(({ miou }) => miou !== undefined)
  return html`<section id="gallery"><h2>All images</h2>
<p class="warnings offline">Scripts are off in this browser, or blocked: all images, the filters and the threshold need them. What follows below needs none.</p>
<div class="keys">${classKey(classes)}${has('scores') && mapKey()}${has('mistakes') && errorKey()}</div>
${slider && thresholdControl(slider)}
<form id="controls" aria-label="Which images are shown, and how">
<fieldset><legend>View</legend>${views.map(({ title }, i) => html`<label class="pick"><input type="radio" name="view" value="${i}"><span>${title}</span></label>`)}</fieldset>
<div class="fields">
${select('class', tagged ? 'Tagged with' : 'Class', [[-1, `all classes (${images.length})`], ...classOptions(classes, images)])}
${select('set', 'Images', [[-1, sets.length > 1 ? 'all' : 'all of them'], ...(sets.length > 1 ? sets.map((name, i): [number, string] => [i, shortName(name)]) : [])], { hidden: sets.length < 2 })}
${select('order', 'Sort by', [['name', 'name'], ...(scored ? SCORED : []), ...(has('seed') ? UNSURE : []), ...LARGE])}
<label>Name<input id="name" type="search" placeholder="part of a name" autocomplete="off"></label>
<label>Strength<input id="opacity" type="range" min="10" max="100" value="65"></label>
</div></form>
<p class="lead small">${explain({
    scored,
    unsure: has('seed'),
    mistakes: has('mistakes'),
    several: views.length > 2,
  })}</p>
<div class="bar"><p id="shown" role="status"></p>${pager()}</div>
<ul id="images"></ul>
<div class="bar end">${pager()}</div>
${dialog(slider !== undefined)}
${filters(slider)}
<script type="application/json" id="page-data">${markup(JSON.stringify(data).replaceAll('<', '\\u003c'))}</script>
</section>`
}

const SCORED: readonly [string, string][] = [
  ['worst', 'mIoU, worst first'],
  ['best', 'mIoU, best first'],
]
const UNSURE: readonly [string, string][] = [
  ['unsure', 'unsure pixels, most first'],
  ['sure', 'unsure pixels, fewest first'],
]
const LARGE: readonly [string, string][] = [['large', 'painted share, largest first']]

/** The seed where there is one: the slider moves it. Else the last masks. */
function firstView(views: GalleryPage['views']): number {
  const masks = views.flatMap(({ kind, title }, i) =>
    kind === 'mask' && title !== 'ground truth' ? [i] : [],
  )
  const final = views.findIndex(({ title }) => title === 'final mask')
  const seed = views.findIndex(({ kind }) => kind === 'seed')
  return final >= 0 ? final : seed >= 0 ? seed : (masks.at(-1) ?? 0)
}

function explain({
  scored,
  unsure,
  mistakes,
  several,
}: Readonly<Record<'scored' | 'unsure' | 'mistakes' | 'several', boolean>>): string {
  return [
    ...(scored
      ? ['mIoU is that of the last mask of an image, over the labels in it or in the ground truth.']
      : []),
    ...(unsure
      ? [
          'Unsure: the share of pixels whose best score is within a quarter of the threshold around it, so that a slightly other threshold would change them.',
        ]
      : []),
    ...(mistakes ? ['Mistakes are those of the last mask.'] : []),
    `Percentages beside classes are the shares of the image that its ${several ? 'last ' : ''}mask gives to them. Enter or a click enlarges an image.`,
  ].join(' ')
}

function classOptions(classes: readonly string[], images: GalleryPage['images']): [number, string][] {
  return classes.map((name, k) => [
    k,
    `${shortName(name)} (${images.filter(image => image.classes.includes(k)).length})`,
  ])
}

function select(
  id: string,
  title: string,
  options: readonly (readonly [string | number, string])[],
  { hidden = false }: { hidden?: boolean } = {},
): Markup {
  return html`<label${hidden && html` hidden`}>${title}<select id="${id}">${options.map(([value, text]) => html`<option value="${value}">${text}</option>`)}</select></label>`
}

function thresholdControl({ value, choice, command, curve }: GalleryThreshold): Markup {
  const text = formatThreshold(value)
  return html`<div class="slide sticky"><label for="threshold">Threshold of the seed</label><input id="threshold" type="range" min="0" max="1" step="0.005" value="${value}"><output class="threshold-value" for="threshold"></output><span class="threshold-miou"></span><button type="button" class="threshold-reset">Back to ${text}</button></div>
<div class="lead small"><p>Pixels whose best score is above the threshold are painted; move it, and every seed below changes. This run used <strong>${text}</strong>, ${choice}.${curve.length > 0 && ' The mIoU beside the value is that of the seed over all scored images.'}</p>
<p>To make the run's masks at the value you chose, and what follows from them: <code>${command.map((part, i) => html`${i > 0 && html`<span class="threshold-value">${text}</span>`}${part}`)}</code></p></div>`
}

function pager(): Markup {
  return html`<div class="pager"><button type="button" class="previous">Previous page</button><span class="page"></span><button type="button" class="next">Next page</button></div>`
}

function dialog(slider: boolean): Markup {
  return html`<dialog id="viewer" aria-labelledby="viewer-name">
<div class="head"><h3 id="viewer-name"></h3><span id="viewer-note" class="note"></span><span id="viewer-tags" class="chips"></span>
<span class="moves"><span id="viewer-place" class="note"></span><button type="button" id="viewer-previous" aria-label="previous image">←</button><button type="button" id="viewer-next" aria-label="next image">→</button><button type="button" id="viewer-close">Close</button></span></div>
<div id="viewer-stage"></div>
<div id="viewer-views" role="group" aria-label="views of this image"></div>
${slider && html`<div class="slide"><label for="viewer-threshold">Threshold of the seed</label><input id="viewer-threshold" type="range" min="0" max="1" step="0.005"><output class="threshold-value" for="viewer-threshold"></output><span class="threshold-miou"></span><button type="button" class="threshold-reset">Reset</button></div>`}
<p class="hint">← → other images · ↑ ↓ other views · Esc closes</p>
</dialog>`
}

/** SVG filters: of the alpha of a score map a steep line at the threshold, or its colour map; of a whole mask its black to clear. */
function filters(threshold: GalleryThreshold | undefined): Markup {
  const colours = Array.from({ length: 17 }, (_, i) => scoreColour(0.15 + (0.85 * i) / 16))
  const table = (channel: 0 | 1 | 2): string =>
    colours.map(colour => (colour[channel] / 255).toFixed(3)).join(' ')
  const range = (255 - LEAST_ALPHA) / 255
  const score = `0 0 0 ${(1 / range).toFixed(4)} ${(-LEAST_ALPHA / 255 / range).toFixed(4)}`
  const alpha = `0 0 0 ${(0.75 / range).toFixed(4)} ${(0.9 - 0.75 / range).toFixed(4)}`
  const open = (id: string): Markup =>
    html`<filter id="${id}" color-interpolation-filters="sRGB" x="0" y="0" width="1" height="1">`
  return html`<svg class="filters" width="0" height="0" aria-hidden="true" focusable="false">
${threshold !== undefined && html`${open('as-seed')}<feComponentTransfer><feFuncA id="seed-alpha" type="linear" slope="510" intercept="-200"/></feComponentTransfer></filter>`}
${open('as-scores')}<feColorMatrix type="matrix" values="${[score, score, score, alpha].join(' ')}"/><feComponentTransfer><feFuncR type="table" tableValues="${table(0)}"/><feFuncG type="table" tableValues="${table(1)}"/><feFuncB type="table" tableValues="${table(2)}"/></feComponentTransfer></filter>
${open('whole-mask')}<feColorMatrix type="matrix" values="1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 8 8 8 0 0"/></filter></svg>`
}
