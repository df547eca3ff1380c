/** @file The contrast of every text of a page; runs in the page. */
/** Texts with a contrast below 4.5 against what is behind them, and how many were measured. */
export function contrasts(): { low: string[]; count: number } {
  const channels = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = channels(colour).map(value => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element: Element | null): string => {
    if (element === null) return getComputedStyle(document.body).backgroundColor
    const { backgroundColor } = getComputedStyle(element)
    return (channels(backgroundColor)[3] ?? 1) === 1 ? backgroundColor : behind(element.parentElement)
  }
  const low: string[] = []
  let count = 0
  for (const element of document.querySelectorAll('body *:not(script, style, option, noscript)')) {
    const text = [...element.childNodes]
      .filter(node => node.nodeType === 3)
      .map(node => node.textContent?.trim())
    if (text.join('') === '' || element.getClientRects().length === 0) continue
    const style = getComputedStyle(element)
    const colour = element instanceof SVGElement ? style.fill : style.color
    const [a = 0, b = 0] = [luminance(colour), luminance(behind(element))].sort((x, y) => y - x)
    count++
    const contrast = (a + 0.05) / (b + 0.05)
    if (contrast < 4.5) low.push(`${text.join(' ')}: ${contrast.toFixed(2)}`)
  }
  return { low, count }
}
