/** @file The page of a folder of masks, without a run: its images, filters and shares. Imports no torch. */
import type { Log } from '../../train/log.ts'
import { type Gallery, galleryFiles, type WriteFile, writeGallery } from './gallery.ts'
import { gallerySection } from './gallery-section.ts'
import { html } from './html.ts'
import { renderShell } from './page-shell.ts'

export interface FolderPage {
  readonly title: string
  readonly subtitle: string
  readonly classes: readonly string[]
  readonly gallery: Gallery
}

const PAGE = 'report.html'

/** The files that the page may need. */
export function folderPageFiles({ gallery }: Pick<FolderPage, 'gallery'>): string[] {
  return [...galleryFiles(gallery), PAGE]
}

/** Writes them, the page last; images that cannot be read are left out. Throws Interrupted after an abort. */
export async function writeFolderPage(
  { title, subtitle, classes, gallery }: FolderPage,
  { write, signal, log }: { write: WriteFile; signal: AbortSignal; log: Log },
): Promise<void> {
  const onBad = (): void => undefined // named when its mask was made
  const page = await writeGallery(gallery, { classes: classes.length, write, onBad, signal, log })
  const body = html`<p class="lead first">Each mask is a PNG whose numbers are the labels (0: background) listed in <a href="labels.txt">labels.txt</a>; here it is laid over its photo.</p>
${gallerySection(classes, gallery, page)}`
  const footer =
    'Made by tagmask. The images of this page are in the folder report/ beside it. It loads nothing from the network.'
  await write(PAGE, Buffer.from(renderShell({ title, subtitle, kind: 'tagmask masks', body, footer })))
}
