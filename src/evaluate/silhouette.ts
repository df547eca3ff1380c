/** @file How well points of one class lie together and apart from the others (Rousseeuw, 1987). Imports no torch. */

/**
 * Mean of (b - a) / max(a, b) over the points: a is the mean distance to the others of its class, b that to the nearest other
 * class, Euclidean. From -1 to 1; a point alone in its class counts as 0, as in scikit-learn. Undefined with fewer than two classes.
 */
export function silhouette(
  points: readonly ArrayLike<number>[],
  classes: readonly number[],
): number | undefined {
  const members = new Map<number, number[]>()
  for (const [i, own] of classes.entries()) members.set(own, [...(members.get(own) ?? []), i])
  if (members.size < 2) return undefined
  const values = points.map((point, i) => {
    const own = classes[i]!
    const means = [...members].map(([other, indices]) => {
      const sum = indices.reduce((total, j) => total + distance(point, points[j]!), 0)
      return {
        own: other === own,
        mean: sum / (other === own ? Math.max(1, indices.length - 1) : indices.length),
      }
    })
    const a = means.find(({ own }) => own)!.mean
    const b = Math.min(...means.flatMap(({ own, mean }) => (own ? [] : [mean])))
    return members.get(own)!.length === 1 || Math.max(a, b) === 0 ? 0 : (b - a) / Math.max(a, b)
  })
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return Math.sqrt(sum)
}
