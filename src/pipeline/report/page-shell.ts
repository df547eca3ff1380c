/** @file The outside of a page: head, policy, title, style sheet, script. */
import { browserScript } from './browser-script.ts'
import { GALLERY_STYLE } from './gallery-style.ts'
import { html, type Markup, markup } from './html.ts'
import { STYLE } from './style.ts'

export interface PageShell {
  readonly title: string
  readonly subtitle: string
  /** A few words above the title. */
  readonly kind: string
  readonly body: Markup
  readonly footer: string
  /** Seconds after which the page loads itself again; default: never. */
  readonly refresh?: number | undefined
}

/** The whole page as text. Its policy allows images from its own place and the one script, and nothing from the network. */
export function renderShell({ title, subtitle, kind, body, footer, refresh }: PageShell): string {
  const { text, hash } = browserScript()
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; script-src '${markup(hash)}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh !== undefined && html`<meta http-equiv="refresh" content="${refresh}">`}
<link rel="icon" href="data:,">
<title>${title} - tagmask</title><style>${STYLE}${GALLERY_STYLE}</style></head>
<body><main>
<header><p class="eyebrow">${kind}</p><h1>${title}</h1><p class="subtitle">${subtitle}</p></header>
${body}
<footer>${footer}</footer>
</main><script>${markup(text)}</script></body></html>
`.markup
}
