/** @file A background threshold from the CAMs alone, for images without ground truth; docs/adr/0004-threshold-without-masks.md. */
import { type ContourEdges, contourThreshold } from './cam-contours.ts'
import type { Cams } from './threshold-sweep.ts'

const BINS = 256

/** How often each best score of a pixel occurs, every image counting the same: 256 bins over [0, 1]. */
export interface ScoreHistogram {
  readonly bins: Float64Array
}

export function createScoreHistogram(): ScoreHistogram {
  return { bins: new Float64Array(BINS) }
}

/** Adds the CAMs of one image; one without any scores 0. Scores are in [0, 1]. */
export function addBestScores({ bins }: ScoreHistogram, { width, height, maps }: Cams): void {
  const area = width * height
  const planes = [...maps.values()]
  for (let i = 0; i < area; i++) {
    let best = 0
    for (const plane of planes) if (plane[i]! > best) best = plane[i]!
    const bin = Math.min(BINS - 1, Math.floor(best * BINS))
    bins[bin] = bins[bin]! + 1 / area
  }
}

/** 1.2 and 1.3 cost the same on the runs that it was measured on. */
const FACTOR = 1.25
const SALIENT = 1.35 // times the mean difference of colours two pixels apart
const CUT = 0.5 // share of pixels without a score, above which the CAMs are cut off already

/**
 * From the histogram 1.25 m min(1, m / o), at most half way from o to the mean of the scores above it; m is the mean score, o Otsu's
 * threshold. Raised to where the contours of the CAMs lie on edges of the images, if that is not above o. Undefined for an empty histogram.
 */
export function camThreshold({ bins }: ScoreHistogram, contours?: ContourEdges): number | undefined {
  const total = bins.reduce((sum, share) => sum + share, 0)
  if (total === 0) return undefined
  const { threshold, mean, above } = otsu(bins)
  const low = Math.min(FACTOR * mean * Math.min(1, mean / threshold), (threshold + above) / 2)
  const salient = contours && contourThreshold(contours, SALIENT)
  const isCut = bins.subarray(0, 3).reduce((sum, share) => sum + share, 0) > CUT * total
  const raised = salient !== undefined && !isCut && salient <= threshold ? Math.max(low, salient) : low
  return Math.round(100 * raised) / 100
}

/** Otsu's threshold, between the means of the pixels below and above it, the mean of all, and that of those above. */
function otsu(bins: Float64Array): { threshold: number; mean: number; above: number } {
  const score = (bin: number): number => (bin + 0.5) / BINS
  const all = bins.reduce((sum, share) => sum + share, 0)
  const mass = bins.reduce((sum, share, bin) => sum + share * score(bin), 0)
  const separation = new Float64Array(BINS - 1)
  let [share, sum] = [0, 0]
  for (let bin = 0; bin < BINS - 1; bin++) {
    share += bins[bin]!
    sum += bins[bin]! * score(bin)
    const others = all - share
    separation[bin] = share === 0 || others <= 0 ? 0 : (mass * share - sum * all) ** 2 / (share * others)
  }
  const most = separation.reduce((a, b) => Math.max(a, b), 0)
  const best = [...separation.keys()].filter(bin => separation[bin]! >= most * (1 - 1e-9)) // all of an empty gap
  const cut = Math.floor((best[0]! + best.at(-1)!) / 2)
  let [brighter, brightness] = [0, 0]
  for (let bin = cut + 1; bin < BINS; bin++) {
    brighter += bins[bin]!
    brightness += bins[bin]! * score(bin)
  }
  return {
    threshold: (cut + 1) / BINS,
    mean: mass / all,
    above: brighter === 0 ? 1 : brightness / brighter,
  }
}
