import { afterEach, describe, expect, test } from 'vitest'
import { memory, noGrad, ops, scope } from '../../torch/index.ts'
import { Resnet50 } from './resnet50.ts'
import { stageName, torchvisionName } from './weight-names.ts'

const small = { blocks: [2, 1, 1, 1], width: 4 } as const
const made: { dispose(): void }[] = []
afterEach(() => {
  for (const network of made.splice(0)) network.dispose()
})

function resnet(options: ConstructorParameters<typeof Resnet50>[0] = small): Resnet50 {
  const network = new Resnet50(options)
  made.push(network)
  return network
}

describe('ResNet50', () => {
  test('has the names and sizes of torchvision: 23.5 million parameters without the classifier', () => {
    const network = resnet({})
    const elements = [...network.parameters().values()].reduce((sum, { elements }) => sum + elements, 0)
    expect(elements).toBe(23_508_032)
    const names = [...network.stateDict().keys()]
    expect(names).toHaveLength(318)
    for (const name of ['conv1.weight', 'bn1.num_batches_tracked', 'layer3.5.conv2.weight'])
      expect(names).toContain(name)
    expect(network.stateDict().get('layer2.0.downsample.0.weight')?.shape).toEqual([512, 256, 1, 1])
    expect(names).not.toContain('layer2.1.downsample.0.weight')
  })

  test('maps of any size have strides 4, 4, 8, 16 and 16', () => {
    const network = resnet()
    scope(() => {
      const maps = noGrad(() => network.forward(ops.rand([2, 3, 50, 67])))
      expect(maps.map(({ shape }) => shape)).toEqual([
        [2, 4, 13, 17],
        [2, 16, 13, 17],
        [2, 32, 7, 9],
        [2, 64, 4, 5],
        [2, 128, 4, 5],
      ])
    })
  })

  test('a forward pass leaves nothing behind', () => {
    const network = resnet()
    const before = memory().live
    scope(() => void noGrad(() => network.forward(ops.rand([1, 3, 32, 32]))))
    expect(memory().live).toBe(before)
  })

  test('published names and torchvision names are each other', () => {
    for (const name of resnet({}).stateDict().keys()) expect(torchvisionName(stageName(name))).toBe(name)
    expect(stageName('layer4.2.bn3.bias')).toBe('stage5.0.2.bn3.bias')
    for (const second of [
      'backbone.1.0.0.conv1.weight',
      'edge_layers.0.0.weight',
      'path_indices_3',
      'fc.bias',
    ])
      expect(torchvisionName(second)).toBeUndefined()
  })
})
