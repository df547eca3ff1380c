/** @file The style sheet of the gallery and its dialog. */
import { markup } from './html.ts'

/** Uses the colours of the whole page's style sheet. */
export const GALLERY_STYLE = markup(`
#gallery:not(.live) > :not(h2, .offline), #gallery.live .offline { display: none; }
.filters { position: absolute; }
.lead.first { margin-top: 20px; }
.small { font-size: 14px; margin: 12px 0 18px; max-width: none; }
button, select, input[type=search] { font: inherit; font-size: 14.5px; color: var(--ink); background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 6px 12px; min-height: 36px; }
button { cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--accent); }
button:disabled { color: var(--soft); border-color: var(--line); cursor: default; }
:focus-visible, .pick input:focus-visible + span { outline: 3px solid var(--accent); outline-offset: 2px; }
input[type=range] { accent-color: var(--accent); width: 100%; margin: 0; min-height: 28px; cursor: pointer; }
fieldset { border: 0; margin: 0 0 14px; padding: 0; display: flex; flex-wrap: wrap; gap: 6px; }
fieldset legend { float: left; padding: 0; margin: 8px 10px 0 0; color: var(--soft); font-size: 13.5px; }
.pick input { position: absolute; opacity: 0; width: 1px; height: 1px; }
.pick span { display: inline-block; border: 1px solid var(--edge); border-radius: 999px; padding: 5px 15px; font-size: 14.5px; background: var(--card); cursor: pointer; }
.pick span:hover { border-color: var(--accent); }
.pick input:checked + span, [aria-pressed=true] { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(190px, 44%), 1fr)); gap: 12px 16px; }
.fields label { display: flex; flex-direction: column; gap: 4px; color: var(--soft); font-size: 13.5px; min-width: 0; }
.fields label[hidden] { display: none; }
.fields select, .fields input[type=search] { width: 100%; }
.lead.small p { margin: 0 0 6px; }
.slide { display: flex; align-items: center; gap: 6px 16px; }
.slide label { font-weight: 600; white-space: nowrap; } .slide input { flex: 1; min-width: 120px; }
.slide output { font-size: 22px; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; min-width: 3ch; }
.slide button { min-height: 30px; padding: 2px 12px; white-space: nowrap; }
.sticky { position: sticky; top: 0; z-index: 2; background: var(--card); border: 1px solid var(--line); border-radius: 0 0 12px 12px; padding: 12px 22px; margin-bottom: 12px; box-shadow: 0 4px 14px rgb(0 0 0 / .07); }
.threshold-miou { color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font: 13.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; color: var(--ink); background: var(--track); border-radius: 5px; padding: 2px 6px; overflow-wrap: anywhere; }
.bar { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 8px 20px; margin-bottom: 14px; }
.bar.end { justify-content: flex-end; margin: 18px 0 0; }
.bar p { margin: 0; font-size: 14.5px; }
td.bar { display: table-cell; margin: 0; }
.pager { display: flex; align-items: center; gap: 10px; font-size: 14.5px; font-variant-numeric: tabular-nums; }
.pager[hidden] { display: none; }
html { scroll-padding-top: 76px; }
#images { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(186px, 44%), 1fr)); gap: 14px; }
#images li { min-width: 0; }
.image { display: flex; flex-direction: column; align-items: stretch; gap: 3px; width: 100%; height: 100%; text-align: left; padding: 8px 8px 10px; border-color: var(--line); border-radius: 12px; cursor: zoom-in; }
.image .frame { margin-bottom: 4px; }
.image .name { font-weight: 600; font-size: 14px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.note { color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.chips { display: flex; flex-wrap: wrap; gap: 4px; }
.chips .tag { font-size: 12.5px; padding: 0 8px 0 6px; }
.frame { position: relative; display: block; width: 100%; aspect-ratio: 4 / 3; background: var(--track); border-radius: 7px; overflow: hidden; }
.frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.frame:not(.plain) .photo { filter: grayscale(.6) brightness(1.06); }
.frame .overlay { opacity: var(--over, .65); }
.overlay.seed { filter: url(#as-seed); }
.overlay.scores { filter: url(#as-scores); }
.overlay.mask, .overlay.mistakes { image-rendering: pixelated; }
.overlay.whole { filter: url(#whole-mask); }
.frame .none { position: absolute; inset: auto 8px 8px; width: fit-content; background: var(--card); color: var(--soft); border-radius: 5px; padding: 0 7px; font-size: 12.5px; }
dialog { color: var(--ink); background: var(--page); border: 1px solid var(--line); border-radius: 14px; padding: 16px 20px; width: min(1180px, 96vw); max-width: none; max-height: 96vh; }
dialog::backdrop { background: rgb(0 0 0 / .6); }
dialog .head { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; margin-bottom: 12px; }
dialog h3 { margin: 0; font-size: 18px; overflow-wrap: anywhere; }
dialog .moves { margin-left: auto; display: flex; align-items: center; gap: 8px; }
#viewer-stage .frame { aspect-ratio: var(--ratio); width: min(100%, calc(60vh * var(--width))); margin: 0 auto; }
#viewer-views { display: flex; gap: 8px; overflow-x: auto; padding: 12px 3px 8px; justify-content: safe center; }
#viewer-views button { flex: none; width: 122px; padding: 5px 5px 6px; font-size: 13px; line-height: 1.3; }
#viewer-views .frame { margin-bottom: 4px; }
.hint { color: var(--soft); font-size: 13px; margin: 6px 0 0; text-align: center; }
.results, .weak { margin: 0; padding-left: 38px; } .results li, .weak li { margin: 4px 0; overflow-wrap: anywhere; }
.weak ul { list-style: none; padding: 0; margin: 2px 0 10px; display: flex; flex-wrap: wrap; gap: 2px 22px; } .weak ul li { margin: 0; }
.use { display: inline-block; background: var(--accent); color: var(--on-accent); border-radius: 999px; padding: 0 9px; font-size: 12.5px; font-weight: 600; }
a { color: var(--accent); }
@media (max-width: 640px) {
  html { scroll-padding-top: 132px; }
  dialog { padding: 10px 12px; width: 100vw; max-height: 100vh; border-radius: 0; }
  #images { gap: 8px; } .image { padding: 5px 5px 8px; } .hint { display: none; } .slide { flex-wrap: wrap; } .slide input { order: 9; flex-basis: 100%; } .sticky { padding: 8px 14px; }
  #viewer-views { justify-content: flex-start; } #viewer-views button { width: 92px; }
}
`)
