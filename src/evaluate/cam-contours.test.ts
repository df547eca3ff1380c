import { describe, expect, it } from 'vitest'
import { addContours, contourThreshold, createContourEdges } from './cam-contours.ts'
import { addBestScores, camThreshold, createScoreHistogram } from './cam-threshold.ts'

const SIDE = 64
const RADIUS = 20

/** A bright disc on a dark ground with a little texture, and a CAM that falls off from its centre: `edge` where the disc ends. */
function disc(edge: number) {
  const map = new Float32Array(SIDE * SIDE)
  const rgb = new Uint8Array(3 * SIDE * SIDE)
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const i = y * SIDE + x
      const away = Math.hypot(x - SIDE / 2, y - SIDE / 2)
      map[i] = Math.max(0.03, 1 - ((1 - edge) * away) / RADIUS)
      rgb.fill((away < RADIUS ? 180 : 60) + ((x * 7 + y * 13) % 11), 3 * i, 3 * i + 3)
    }
  }
  return { cams: { width: SIDE, height: SIDE, maps: new Map([[0, map]]) }, rgb }
}

describe('contours of CAMs', () => {
  it.each([0.3, 0.5, 0.7])(
    'lie on the edge of the object where the threshold is the score there, %d',
    edge => {
      const edges = createContourEdges()
      const { cams, rgb } = disc(edge)
      addContours(edges, cams, rgb)
      expect(contourThreshold(edges, 2)!).toBeGreaterThan(edge - 0.12)
      expect(contourThreshold(edges, 2)!).toBeLessThan(edge + 0.05)
    },
  )

  it('of an image without edges never do, nor do those of a flat CAM', () => {
    const edges = createContourEdges()
    const { cams } = disc(0.5)
    addContours(edges, cams, new Uint8Array(3 * SIDE * SIDE).fill(90))
    expect(contourThreshold(edges, 1.1)).toBeUndefined()
    const flat = new Map([[0, new Float32Array(SIDE * SIDE).fill(0.7)]])
    addContours(edges, { ...cams, maps: flat }, disc(0.5).rgb)
    expect(contourThreshold(edges, 1.1)).toBeUndefined()
  })

  it('raise the threshold of the histogram up to them, not above what separates it', () => {
    const thresholds = [0.25, 0.9].map(edge => {
      const [histogram, edges] = [createScoreHistogram(), createContourEdges()]
      const { cams } = disc(0.1)
      addBestScores(histogram, cams)
      addContours(edges, cams, disc(0.1).rgb)
      const other = disc(edge)
      const moved = createContourEdges()
      addContours(moved, other.cams, other.rgb)
      return [camThreshold(histogram)!, camThreshold(histogram, moved)!] as const
    })
    const [[low, raised], [same, above]] = thresholds as [
      readonly [number, number],
      readonly [number, number],
    ]
    expect(raised).toBeGreaterThan(low)
    expect(above).toBe(same)
  })
})
