/** @file Source positions of OpenCV's resize: bilinear and nearest, neither antialiased (imgproc/src/resize.cpp). Imports nothing. */
/** For each output place, two source indices and the weights of both. */
export interface LinearTaps {
  readonly low: Int32Array
  readonly high: Int32Array
  readonly lowWeight: Float32Array
  readonly highWeight: Float32Array
}

/**
 * INTER_LINEAR along one axis. The axes differ at the edges: outside a row the weight is 0, outside a column the edge
 * repeats.
 */
export function linearTaps(inputs: number, outputs: number, axis: 'row' | 'column'): LinearTaps {
  const scale = 1 / (outputs / inputs)
  const low = new Int32Array(outputs)
  const high = new Int32Array(outputs)
  const lowWeight = new Float32Array(outputs)
  const highWeight = new Float32Array(outputs)
  for (let i = 0; i < outputs; i++) {
    const at = Math.fround((i + 0.5) * scale - 0.5)
    const first = Math.floor(at)
    const outside = axis === 'row' && (first < 0 || first >= inputs - 1)
    const rest = outside ? 0 : Math.fround(at - first)
    low[i] = Math.min(Math.max(first, 0), inputs - 1)
    high[i] = Math.min(Math.max(first + 1, 0), inputs - 1)
    lowWeight[i] = 1 - rest
    highWeight[i] = rest
  }
  return { low, high, lowWeight, highWeight }
}

/** INTER_NEAREST along one axis: the source index of each output; `scale` is outputs / inputs unless given. */
export function nearestIndices(inputs: number, outputs: number, scale = outputs / inputs): Int32Array {
  const step = 1 / scale
  return Int32Array.from({ length: outputs }, (_, i) => Math.min(Math.floor(i * step), inputs - 1))
}
