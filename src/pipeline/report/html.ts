/** @file HTML that is safe by construction: every value in an html`` template is escaped, except markup
 * that itself came from one. */
import { printable } from '../../io/printable.ts'

/** Finished HTML; only `html` and `markup` make it. */
export interface Markup {
  readonly markup: string
}

/** A value of a template; arrays are joined, undefined and false are left out. */
export type Fragment = Markup | string | number | undefined | false | readonly Fragment[]

/** The template tag. */
export function html(parts: TemplateStringsArray, ...values: readonly Fragment[]): Markup {
  return markup(parts.map((part, i) => (i === 0 ? part : render(values[i - 1]) + part)).join(''))
}

/** Declares text to be HTML already: for the style sheet and data URIs, never for text from a user. */
export function markup(text: string): Markup {
  return { markup: text }
}

/** Text with the five characters replaced that could end an attribute or begin a tag, and controls shown as escapes. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

function render(value: Fragment): string {
  if (value === undefined || value === false) return ''
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  if ('markup' in value) return value.markup
  return value.map(render).join('')
}
