import { afterEach, describe, expect, test } from 'vitest'
import { fromFloat32, type TensorData } from '../../io/tensor-data.ts'
import { Resnet50, stageName } from '../../models/resnet50/index.ts'
import { manualSeed } from '../../torch/index.ts'
import { EdgeNet, resnet50Backbone } from './index.ts'

const small = { blocks: [2, 1, 1, 1], width: 4 } as const
const made: { dispose(): void }[] = []
afterEach(() => {
  for (const network of made.splice(0)) network.dispose()
})

function weightsOf(network: Resnet50, rename: (name: string) => string): Map<string, TensorData> {
  return new Map([...network.stateDict()].map(([name, value]) => [rename(name), value.toData()]))
}

describe('weights of the backbone', () => {
  test.each([
    ['of torchvision', (name: string) => name],
    ['of torchvision in a wrapper', (name: string) => `module.${name}`],
    ['of a published AffinityNet', stageName],
    ['of a published AffinityNet in a wrapper', (name: string) => `module.${stageName(name)}`],
  ])('%s are taken', (_, rename) => {
    manualSeed(1)
    const source = new Resnet50(small)
    made.push(source)
    const given = weightsOf(source, rename)
    manualSeed(2)
    const network = new EdgeNet(resnet50Backbone(small))
    made.push(network)
    const { missing, unexpected } = network.loadPretrained(given, { file: 'resnet.pth' })
    expect(missing.every(name => name.startsWith('fc_edge'))).toBe(true)
    expect(unexpected).toEqual([])
    for (const [name, value] of source.stateDict())
      expect(network.stateDict().get(name)!.toData()).toEqual(value.toData())
  })

  test('a whole published AffinityNet, with the second names of its tensors and its buffers', () => {
    manualSeed(3)
    const source = new EdgeNet(resnet50Backbone(small))
    made.push(source)
    const state = [...source.stateDict()].map(([name, value]) => [stageName(name), value.toData()] as const)
    const doubled = state.flatMap(([name, value]) => [
      [name, value] as const,
      [
        name.startsWith('fc_edge')
          ? name.replace(/^fc_edge(\d)/, (_, i: string) => `edge_layers.${Number(i) - 1}`)
          : name.replace(/^stage(\d)/, (_, i: string) => `backbone.${Number(i) - 1}`),
        value,
      ] as const,
    ])
    const given = new Map<string, TensorData>([
      ...doubled,
      ['path_indices_0', fromFloat32(new Float32Array(1), [1])],
    ])
    manualSeed(4)
    const network = new EdgeNet(resnet50Backbone(small))
    made.push(network)
    expect(network.loadPretrained(given, { file: 'affinity.pth' })).toMatchObject({
      missing: [],
      unexpected: [],
    })
    for (const [name, value] of source.stateDict())
      expect(network.stateDict().get(name)!.toData()).toEqual(value.toData())
  })

  test('of another network are refused', () => {
    const network = new EdgeNet(resnet50Backbone(small))
    made.push(network)
    const given = new Map([['conv1a.weight', fromFloat32(new Float32Array(1), [1])]])
    expect(() => network.loadPretrained(given, { file: 'res38.pth' })).toThrow(
      'res38.pth: holds no weight of the backbone; names such as conv1.weight, bn1.weight; the file seems to hold a ResNet38',
    )
  })
})
