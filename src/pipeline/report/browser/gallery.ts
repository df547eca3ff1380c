/** @file All images of the page: filters, order, pages, views. Starts the script. */
import { byId, make } from './element.ts'
import type { PageData } from './page-data.ts'
import { classChips, describe, makePicture } from './picture.ts'
import { type Order, selectImages } from './selection.ts'
import { connectThreshold } from './threshold.ts'
import { connectViewer } from './viewer.ts'

const PAGE = 48 // images

/** Fills the page and connects its controls. */
export function startGallery(data: PageData): void {
  const grid = byId('images', HTMLElement)
  const controls = byId('controls', HTMLFormElement)
  const views = [...document.querySelectorAll<HTMLInputElement>('input[name=view]')]
  let view = data.firstView
  let page = 0
  let order: number[] = []

  const chosen = (id: string): string => byId(id, HTMLSelectElement).value
  const choose = (): void => {
    page = 0
    order = selectImages(data.images, {
      order: chosen('order') as Order,
      set: Number(chosen('set')),
      class: Number(chosen('class')),
      name: byId('name', HTMLInputElement).value,
    })
    draw()
  }
  const card = (index: number, place: number): HTMLElement => {
    const image = data.images[index]!
    const note = describe(data, image)
    const button = make(
      'button',
      { type: 'button', class: 'image', 'aria-label': [`enlarge ${image.name}`, note].join(', ') },
      makePicture(data, index, { view }),
      make('span', { class: 'name', title: image.name }, image.name),
      make('span', { class: 'note' }, note),
      make('span', { class: 'chips' }, ...classChips(data, image)),
    )
    button.addEventListener('click', () => viewer.open(place))
    return make('li', {}, button)
  }
  const draw = (): void => {
    const pages = Math.max(1, Math.ceil(order.length / PAGE))
    page = Math.min(Math.max(page, 0), pages - 1)
    const from = page * PAGE
    const shown = order.slice(from, from + PAGE)
    grid.replaceChildren(...shown.map((index, i) => card(index, from + i)))
    byId('shown', HTMLElement).textContent =
      order.length === 0
        ? 'No image fits.'
        : `Images ${from + 1} to ${from + shown.length} of ${order.length}`
    for (const pager of document.querySelectorAll('.pager')) {
      pager.toggleAttribute('hidden', pages === 1)
      pager.querySelector('.page')!.textContent = `page ${page + 1} of ${pages}`
      pager.querySelector<HTMLButtonElement>('.previous')!.disabled = page === 0
      pager.querySelector<HTMLButtonElement>('.next')!.disabled = page === pages - 1
    }
  }
  const setView = (v: number): void => {
    view = v
    for (const radio of views) radio.checked = Number(radio.value) === v
    draw()
  }
  const viewer = connectViewer({
    data,
    order: () => order,
    view: () => view,
    setView: v => setView(v),
    onClose(place) {
      page = Math.floor(place / PAGE)
      draw()
      grid.querySelectorAll<HTMLElement>('button')[place % PAGE]?.focus()
    },
  })
  for (const radio of views) radio.addEventListener('change', () => setView(Number(radio.value)))
  for (const id of ['order', 'set', 'class']) byId(id, HTMLSelectElement).addEventListener('change', choose)
  byId('name', HTMLInputElement).addEventListener('input', choose)
  controls.addEventListener('submit', event => event.preventDefault())
  for (const pager of document.querySelectorAll('.pager'))
    for (const [name, by] of [
      ['.previous', -1],
      ['.next', 1],
    ] as const)
      pager.querySelector(name)!.addEventListener('click', () => {
        page += by
        draw()
        byId('gallery', HTMLElement).scrollIntoView()
        if (by > 0) grid.querySelector<HTMLElement>('button')?.focus({ preventScroll: true })
      })
  const opacity = byId('opacity', HTMLInputElement)
  const fade = (): void =>
    document.documentElement.style.setProperty('--over', String(Number(opacity.value) / 100))
  opacity.addEventListener('input', fade)
  fade()
  if (data.threshold !== undefined)
    connectThreshold(data.threshold, () => {
      const seed = data.views.findIndex(({ kind }) => kind === 'seed')
      if (view === seed) return
      setView(seed)
      viewer.refresh()
    })
  for (const radio of views) radio.checked = Number(radio.value) === view
  byId('gallery', HTMLElement).classList.add('live')
  choose()
}

const block = document.getElementById('page-data')
if (block !== null) startGallery(JSON.parse(block.textContent ?? '') as PageData)
