/** @file The sliders of the threshold: one attribute of one filter recolours every seed on the page. */
import { byId } from './element.ts'
import type { PageThreshold } from './page-data.ts'
import { interceptOf, miouAt } from './selection.ts'

/** Connects the sliders, which move together. `onMove` is called when a reader moves one. */
export function connectThreshold(threshold: PageThreshold, onMove: () => void): void {
  const alpha = byId('seed-alpha', SVGFEFuncAElement)
  const sliders = [byId('threshold', HTMLInputElement), byId('viewer-threshold', HTMLInputElement)]
  const outputs = document.querySelectorAll('.threshold-value')
  const scores = document.querySelectorAll('.threshold-miou')
  const show = (value: number): void => {
    alpha.setAttribute('intercept', String(interceptOf(value)))
    const text = value.toFixed(value * 100 === Math.round(value * 100) ? 2 : 3)
    const miou = miouAt(threshold, value)
    const changed = Math.abs(value - threshold.value) > 1e-9
    for (const slider of sliders) {
      slider.value = String(value)
      slider.setAttribute('aria-valuetext', miou === undefined ? text : `${text}, mIoU ${miou.toFixed(1)}`)
    }
    for (const output of outputs) output.textContent = text
    for (const score of scores) score.textContent = miou === undefined ? '' : `mIoU ${miou.toFixed(2)}`
    for (const reset of document.querySelectorAll<HTMLButtonElement>('.threshold-reset'))
      reset.disabled = !changed
  }
  for (const slider of sliders)
    slider.addEventListener('input', () => {
      show(Number(slider.value))
      onMove()
    })
  for (const reset of document.querySelectorAll<HTMLButtonElement>('.threshold-reset'))
    reset.addEventListener('click', () => show(threshold.value))
  show(threshold.value)
}
