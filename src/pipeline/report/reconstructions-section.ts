/** @file What an autoencoder makes of images, beside them. */
import type { EmbeddedImage } from './examples-section.ts'
import { html, type Markup, markup } from './html.ts'

/** One wide image: the originals in its upper row. */
export function reconstructionsSection(image: EmbeddedImage | undefined): Markup {
  if (image === undefined) return html``
  const { uri, width, height } = image
  return html`<section><h2>Autoencoder</h2>
<p class="lead">Above, images; below, what the decoder makes of their class embeddings: it guides the training of the network, so what it does not see cannot be learned from it.</p>
<figure><img src="${markup(uri)}" width="${width}" height="${height}" style="max-width: 100%; height: auto" alt="images above their reconstructions"></figure></section>`
}
