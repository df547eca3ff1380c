/** @file The nearest of several names, for error messages ("did you mean ..."). Imports nothing. */
const LONGEST = 300 // the distance takes the product of the lengths

/**
 * The candidate with the smallest edit distance to `name` (case and `-`/`_` ignored), or undefined
 * when none is near enough to be a slip of the fingers (more than a third of its letters differ).
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > LONGEST) return undefined
  const wanted = fold(name)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const folded = fold(candidate)
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, folded.length) / 3))
    if (Math.abs(wanted.length - folded.length) > allowed) continue // at least so many insertions
    const distance = editDistance(wanted, folded)
    if (distance <= allowed && distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1)
      }
      row.push(cost)
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}
