import { expect, test } from 'vitest'
import { backward, manualSeed, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { asMap, type Stages } from '../mit/index.ts'
import { SegformerHead } from './index.ts'

const CHANNELS: Stages<number> = [3, 4, 5, 6]
const SIZES = [
  [8, 12],
  [4, 6],
  [2, 3],
  [2, 3],
] as const

function stageMaps(): Stages<Tensor> {
  const [first, second, third, fourth] = SIZES.map(([rows, columns], i) => {
    const tokens = ops.randn([2, rows * columns, CHANNELS[i]!])
    tokens.requiresGrad = true
    return asMap(tokens, { rows, columns })
  })
  return [first!, second!, third!, fourth!]
}

/** The order of the published head: reduce, spread, join, fuse. */
function published(head: SegformerHead, maps: Stages<Tensor>): Tensor {
  const { linearC1, linearC2, linearC3, linearC4, linearFuse, linearPred } = head
  const layers = [linearC1, linearC2, linearC3, linearC4]
  const reduced = maps.map((map, i) => {
    const tokens = ops.flatten(map, { startDim: 2 }).transpose(1, 2)
    const made = layers[i]!.proj.forward(tokens)
      .transpose(1, 2)
      .reshape(2, -1, ...map.shape.slice(2))
    return ops.upsampleBilinear2d(made, SIZES[0], false)
  })
  const joined = ops.cat(reduced.reverse(), { dim: 1 })
  return linearPred.forward(linearFuse.bn.forward(linearFuse.conv.forward(joined)).relu())
}

test('the products taken at each size of map give the published head and its gradients', () => {
  scope(() => {
    manualSeed(2)
    const head = new SegformerHead({ channels: CHANNELS, labels: 3, embedDim: 7, dropout: 0 })
    for (const parameter of head.parameters().values()) noGrad(() => ops.normal_(parameter, { std: 0.5 }))
    const maps = stageMaps()
    const run = (forward: () => Tensor): Map<string, Float32Array> => {
      for (const parameter of head.parameters().values()) parameter.grad = undefined
      const logits = forward()
      backward(
        logits
          .mul(
            ops
              .arange(0, logits.elements)
              .mul(0.1)
              .reshape(...logits.shape),
          )
          .sum(),
      )
      const gradients = [...head.parameters()].map(
        ([name, { grad }]) => [name, grad!.toFloat32Array()] as const,
      )
      return new Map([['logits', logits.toFloat32Array()], ...gradients])
    }
    const [ours, theirs] = [run(() => head.forward(maps)), run(() => published(head, maps))]
    for (const [name, want] of theirs) {
      const scale = Math.max(...want.map(Math.abs))
      // a bias before the batch norm has no true gradient
      if (scale < 1e-2) continue
      const error = Math.max(...ours.get(name)!.map((value, i) => Math.abs(value - want[i]!)))
      expect(error / scale, name).toBeLessThan(1e-4)
    }
    head.dispose()
  })
})

test('observing moves the running statistics as a forward pass in training does', () => {
  scope(() => {
    manualSeed(3)
    const head = new SegformerHead({ channels: CHANNELS, labels: 3, embedDim: 7 })
    const maps = stageMaps()
    const { runningMean, runningVar, numBatchesTracked } = head.linearFuse.bn
    const statistics = (): Float32Array[] => [runningMean.toFloat32Array(), runningVar.toFloat32Array()]
    const fresh = head.stateDict()
    const before = new Map([...fresh].map(([name, value]) => [name, value.toData()]))
    noGrad(() => head.observe(maps))
    const observed = statistics()
    expect(numBatchesTracked.item()).toBe(1)
    head.loadStateDict(before)
    head.forward(maps)
    expect(statistics()).toEqual(observed)
    head.eval()
    noGrad(() => head.forward(maps))
    expect(statistics()).toEqual(observed)
    head.dispose()
  })
})
