/** @file The report's style sheet. System fonts, light or dark as the reader's system is. */
import { markup } from './html.ts'

/** CSS for the whole page. */
export const STYLE = markup(`
:root {
  color-scheme: light dark;
  --page: #f8f7f3; --card: #fffefb; --ink: #22252a; --soft: #686c73; --line: #e4e1d8; --track: #ece9e1;
  --accent: #11697c; --on-accent: #fff; --edge: #8f8c84; --warn: #8a5300; --warn-page: #fdf3dc; --warn-line: #ecd39c;
  --c0: #1f77b4; --c1: #d9741a; --c2: #2a9266; --c3: #b8457f; --c4: #7b5fc4; --c5: #8a6d3b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171a; --card: #1c1f23; --ink: #e7e5df; --soft: #9a9ea6; --line: #2e3238; --track: #2a2e34;
    --accent: #67c3d5; --on-accent: #10181b; --edge: #70757d; --warn: #f0c26b; --warn-page: #2b2415; --warn-line: #54431d;
    --c0: #5aa9e0; --c1: #f09a4a; --c2: #55bd90; --c3: #e07eb0; --c4: #a793e6; --c5: #c4a46c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 56px 28px 72px; }
header .eyebrow { color: var(--accent); font-size: 13px; font-weight: 600; letter-spacing: .09em; text-transform: uppercase; margin: 0; }
h1 { font-size: 38px; line-height: 1.15; letter-spacing: -.02em; margin: 6px 0 8px; overflow-wrap: anywhere; }
header .subtitle { color: var(--soft); font-size: 17px; margin: 0; }
h2 { font-size: 22px; letter-spacing: -.01em; margin: 56px 0 4px; }
h3 { font-size: 15px; margin: 0 0 10px; }
.lead { color: var(--soft); margin: 0 0 18px; max-width: 72ch; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px; }
.top { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(330px, 100%), 1fr)); gap: 16px; margin-top: 32px; align-items: stretch; }
.score .name { font-size: 14px; font-weight: 600; color: var(--accent); margin: 0; }
.score .value { font-size: 52px; line-height: 1.1; font-weight: 650; letter-spacing: -.03em; margin: 2px 0 8px; font-variant-numeric: tabular-nums; }
.score .value small { font-size: 22px; font-weight: 500; color: var(--soft); letter-spacing: 0; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 0; font-size: 14.5px; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.warnings { background: var(--warn-page); border: 1px solid var(--warn-line); color: var(--warn); border-radius: 12px; padding: 18px 22px; font-size: 14.5px; }
.warnings ul { margin: 4px 0 0; padding-left: 20px; }
.legend { display: inline-flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13.5px; color: var(--soft); }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.swatch { width: 12px; height: 12px; border-radius: 3px; display: inline-block; background: var(--colour); box-shadow: 0 0 0 1px var(--line); flex: none; }
.ramp { width: 120px; height: 10px; border-radius: 5px; display: inline-block; }
.keys { display: flex; flex-wrap: wrap; gap: 6px 28px; margin: 0 0 18px; }
.example { margin-bottom: 16px; }
.example header { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; margin-bottom: 14px; }
.example h3 { overflow-wrap: anywhere; margin: 0; font-size: 16px; }
.example .note { margin-left: auto; color: var(--soft); font-size: 14px; font-variant-numeric: tabular-nums; }
.tag { overflow-wrap: anywhere; display: inline-flex; align-items: center; gap: 6px; border: 1px solid var(--line); border-radius: 999px; padding: 1px 11px 1px 8px; font-size: 13.5px; }
.tag .swatch { border-radius: 50%; }
.views { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; }
.views figure { margin: 0; }
.tokens { display: flex; flex-wrap: wrap; gap: 10px 14px; }
.tokens figure { margin: 0; width: 150px; font-size: 13px; color: var(--soft); text-align: center; }
.tokens svg { border: 1px solid var(--line); border-radius: 6px; background: #fff; }
.views img { width: 100%; height: auto; display: block; border-radius: 7px; background: var(--track); }
.views figcaption { overflow-wrap: anywhere; font-size: 13px; color: var(--soft); margin-top: 5px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(440px, 100%), 1fr)); gap: 16px; }
.chart { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px 8px; }
.chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 18px; font-size: 15px; margin-bottom: 6px; }
.chart svg { width: 100%; height: auto; display: block; font-family: inherit; }
.chart .grid { stroke: var(--line); } .chart .axis { stroke: var(--soft); }
.chart text { fill: var(--soft); font-size: 12.5px; font-variant-numeric: tabular-nums; }
.chart .marked { fill: var(--ink); font-weight: 600; font-size: 13.5px; paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.chart .line { fill: none; stroke: var(--colour); stroke-width: 2.2; stroke-linejoin: round; }
.chart .faint { stroke-width: 1.2; opacity: .35; }
.chart .dot { fill: var(--colour); stroke: var(--card); stroke-width: 2; }
.chart .mark { stroke: var(--soft); stroke-dasharray: 3 4; }
.chart.heads .on-dark { fill: #fff; } .chart.heads .on-light { fill: #16130c; }
.c0 { --colour: var(--c0); } .c1 { --colour: var(--c1); } .c2 { --colour: var(--c2); } .c3 { --colour: var(--c3); } .c4 { --colour: var(--c4); } .c5 { --colour: var(--c5); }
.table { overflow-x: auto; padding: 8px 22px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 7px 0 7px 20px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: 13.5px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.bar { width: 55%; }
td .name { display: inline-flex; align-items: center; gap: 9px; }
.track { display: block; height: 10px; border-radius: 5px; background: var(--track); overflow: hidden; }
.track i { display: block; height: 100%; border-radius: 5px; background: var(--colour); }
tr:last-child td { border-bottom: 0; font-weight: 600; }
.stages tr:last-child td { font-weight: inherit; } .stages td.bar { width: 34%; } .stages td:nth-child(2) { text-align: left; } .stages th:nth-child(2) { text-align: left; }
details.table { margin-bottom: 12px; } summary { cursor: pointer; font-weight: 600; padding: 8px 0; }
.absent { color: var(--soft); }
.groups { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(330px, 100%), 1fr)); gap: 16px; align-items: start; }
footer { color: var(--soft); font-size: 13.5px; margin-top: 48px; }
@media (max-width: 640px) { main { padding: 32px 16px; } h1 { font-size: 30px; } td.bar { display: none; } }
@media print { body { background: #fff; } .card, .chart { break-inside: avoid; } }
`)
