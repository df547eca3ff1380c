/** @file The enlarged image: a dialog with all its views, for mouse and keyboard. */
import { byId, make } from './element.ts'
import type { PageData } from './page-data.ts'
import { classChips, describe, makePicture } from './picture.ts'

export interface Viewer {
  /** Shows the image at this place of the order. */
  open(place: number): void
  /** Draws it again if it is open. */
  refresh(): void
}

export interface ViewerOptions {
  readonly data: PageData
  /** Indices of the images, in the order that is shown. */
  readonly order: () => readonly number[]
  readonly view: () => number
  readonly setView: (view: number) => void
  /** Called with the place of the image that was shown last. */
  readonly onClose: (place: number) => void
}

/** Connects the dialog. Left and right are other images, up and down other views, Escape closes. */
export function connectViewer({ data, order, view, setView, onClose }: ViewerOptions): Viewer {
  const dialog = byId('viewer', HTMLDialogElement)
  const stage = byId('viewer-stage', HTMLElement)
  const strip = byId('viewer-views', HTMLElement)
  let place = 0

  const show = (): void => {
    const index = order()[place]!
    const image = data.images[index]!
    byId('viewer-name', HTMLElement).textContent = image.name
    byId('viewer-note', HTMLElement).textContent = describe(data, image)
    byId('viewer-tags', HTMLElement).replaceChildren(...classChips(data, image))
    byId('viewer-place', HTMLElement).textContent = `${place + 1} of ${order().length}`
    byId('viewer-previous', HTMLButtonElement).disabled = place === 0
    byId('viewer-next', HTMLButtonElement).disabled = place === order().length - 1
    stage.replaceChildren(makePicture(data, index, { view: view(), whole: true }))
    const focused = strip.contains(document.activeElement)
    strip.replaceChildren(...viewsOf(index).map(v => viewButton(index, v)))
    if (focused) strip.querySelector<HTMLElement>('[aria-pressed=true]')?.focus()
  }
  const viewsOf = (index: number): number[] => [0, ...data.images[index]!.views]
  const viewButton = (index: number, v: number): HTMLElement => {
    const button = make(
      'button',
      { type: 'button', 'aria-pressed': String(v === view()) },
      makePicture(data, index, { view: v }),
      data.views[v]!.title,
    )
    button.addEventListener('click', () => turnTo(v))
    return button
  }
  const turnTo = (v: number): void => {
    setView(v)
    show()
  }
  const step = (by: number): void => {
    const next = place + by
    if (next < 0 || next >= order().length) return
    place = next
    show()
  }
  const stepView = (by: number): void => {
    const views = viewsOf(order()[place]!)
    turnTo(views[(Math.max(0, views.indexOf(view())) + by + views.length) % views.length]!)
  }

  byId('viewer-previous', HTMLButtonElement).addEventListener('click', () => step(-1))
  byId('viewer-next', HTMLButtonElement).addEventListener('click', () => step(1))
  byId('viewer-close', HTMLButtonElement).addEventListener('click', () => dialog.close())
  dialog.addEventListener('click', event => event.target === dialog && dialog.close()) // beside the image
  dialog.addEventListener('close', () => onClose(place))
  const moves: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ArrowUp: () => stepView(-1),
    ArrowDown: () => stepView(1),
  }
  dialog.addEventListener('keydown', event => {
    const move = moves[event.key]
    if (move === undefined || event.target instanceof HTMLInputElement) return // arrows move a slider
    event.preventDefault()
    move()
  })
  return {
    refresh: () => dialog.open && show(),
    open(at) {
      place = at
      show()
      dialog.showModal()
      byId('viewer-close', HTMLButtonElement).focus()
    },
  }
}
