/** @file What an autoencoder makes of images, beside them. */
import { html, type Markup } from './html.ts'

/** One wide image: the originals in its upper row. */
export function reconstructionsSection(
  image: { readonly file: string; readonly width: number; readonly height: number } | undefined,
): Markup {
  if (image === undefined) return html``
  const { file, width, height } = image
  return html`<section><h2>Autoencoder</h2>
<p class="lead">Above, images; below, what the decoder makes of their class embeddings: it guides the training of the network, so what it does not see cannot be learned from it.</p>
<figure><img loading="lazy" src="${file}" width="${width}" height="${height}" style="max-width: 100%; height: auto" alt="images above their reconstructions"></figure></section>`
}
