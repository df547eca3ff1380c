/** @file The classes without success on the page. */
import { html, type Markup } from './html.ts'
import type { WeakClass } from './weak-classes.ts'

/** A line for each remedy; nothing where all succeeded. */
export function weakClassesSection(weak: readonly WeakClass[]): Markup {
  if (weak.length === 0) return html``
  const remedies = [...new Set(weak.map(({ remedy }) => remedy))]
  return html`<section id="weak"><h2>Classes that need work</h2>
<p class="lead">Look at their images below (filter by class) before you trust their masks. More on tags and photos: docs/your-own-photos.md.</p>
<ul class="card weak">${remedies.map(remedy => {
    const group = weak.filter(one => one.remedy === remedy)
    return html`<li>${remedy}<ul>${group.map(({ name, problem }) => html`<li><strong>${name}</strong> <span class="note">${problem}</span></li>`)}</ul></li>`
  })}</ul></section>`
}
