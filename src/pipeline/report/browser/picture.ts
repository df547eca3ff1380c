/** @file One image with what a view lays over it. */
import { make } from './element.ts'
import type { PageData, PageImage, PageView } from './page-data.ts'

/** The photo and its overlay in one frame; `whole`: in full size, as far as the files are there. */
export function makePicture(
  data: PageData,
  index: number,
  { view, whole = false }: { view: number; whole?: boolean },
): HTMLElement {
  const image = data.images[index]!
  const { number, width, height } = image
  const small = `report/photos/${number}.webp`
  const photo = make('img', { class: 'photo', alt: '', decoding: 'async', loading: whole ? 'eager' : 'lazy' })
  load(photo, whole ? [image.photo, small] : [small])
  const frame = make('span', { class: `frame ${view === 0 ? 'plain' : ''}` }, photo)
  frame.style.setProperty('--ratio', `${width} / ${height}`)
  frame.style.setProperty('--width', String(width / height))
  const shown = data.views[view]!
  if (shown.kind === 'photo') return frame
  if (!image.views.includes(view)) frame.append(make('span', { class: 'none' }, `no ${shown.title}`))
  else {
    const overlay = make('img', {
      class: `overlay ${shown.kind}`,
      alt: '',
      loading: whole ? 'eager' : 'lazy',
    })
    const own = whole ? wholeMask(shown, image) : undefined
    if (own !== undefined) overlay.classList.add('whole')
    load(overlay, [own, `${shown.folder}/${number}.${shown.ending}`], () => overlay.classList.remove('whole'))
    frame.append(overlay)
  }
  return frame
}

/** Address of the run's own mask. */
function wholeMask({ whole }: PageView, { set, file }: PageImage): string | undefined {
  const before = whole?.[set]
  return before == null || file === undefined ? undefined : `${before}${file}.png`
}

/** The first address that can be loaded. */
function load(
  image: HTMLImageElement,
  addresses: readonly (string | undefined)[],
  onNext: () => void = () => undefined,
): void {
  const [first, ...others] = addresses.filter(address => address !== undefined)
  if (first === undefined) return
  if (others.length > 0)
    image.addEventListener(
      'error',
      () => {
        onNext()
        load(image, others)
      },
      { once: true },
    )
  image.src = first
}

/** What is known of an image, in a few words. */
export function describe(data: PageData, { miou, unsure, set }: PageImage): string {
  return [
    ...(data.sets.length > 1 ? [data.sets[set] ?? ''] : []),
    ...(miou === undefined ? [] : [`mIoU ${miou.toFixed(1)}`]),
    ...(unsure === undefined ? [] : [`unsure ${(100 * unsure).toFixed(1)} %`]),
  ].join(', ')
}

/** Its classes with their colours, and how much of it they cover. */
export function classChips({ classes }: PageData, image: PageImage): HTMLElement[] {
  const shares = new Map(image.shares)
  return image.classes.map(k => {
    const swatch = make('i', { class: 'swatch' })
    swatch.style.setProperty('--colour', classes[k]?.colour ?? 'gray')
    const percent = image.shares === undefined ? '' : ` ${percentOf(shares.get(k) ?? 0)} %`
    return make('span', { class: 'tag' }, swatch, `${classes[k]?.name ?? ''}${percent}`)
  })
}

function percentOf(share: number): string {
  if (share > 0 && share < 0.1) return '<0.1'
  return share.toFixed(share > 0 && share < 10 ? 1 : 0)
}
