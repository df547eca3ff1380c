/** @file The ResNet38 segmentation network that a golden file was made with. */
import { z } from 'zod'
import { resnet38Backbone } from '../../../src/models/dense-backbone.ts'
import {
  DilatedHead,
  type SegmentationNetwork,
  segmentationNetwork,
} from '../../../src/models/segmentation/index.ts'
import { type CheckOptions, type Fixture, parseConfig } from '../fixture.ts'
import { fillByRule, weightRule } from './resnet38-rule.ts'

/** The settings that make the network. */
export const networkConfig = weightRule.extend({ num_classes: z.int().min(1) })

/** Builds and fills the network, runs `use` and frees it. */
export async function withSegmentation<T>(
  fixture: Fixture,
  { device }: CheckOptions,
  use: (network: SegmentationNetwork) => T | Promise<T>,
): Promise<T> {
  const { num_classes: labels, ...rule } = parseConfig(fixture, networkConfig)
  const network = segmentationNetwork(resnet38Backbone(), channels => new DilatedHead({ channels, labels }))
  try {
    fillByRule(network, rule)
    network.to(device).eval()
    return await use(network)
  } finally {
    network.dispose()
  }
}
