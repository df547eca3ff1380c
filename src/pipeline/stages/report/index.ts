/** @file Stage `report`: report.html, from what all stages of the recipe left in the run folder. */
import type { StageDefinition } from '../../run/stage.ts'

/** `before`: the stages of a recipe that come before it, whose last work it reports. */
export function reportAfter(before: StageDefinition['before']): StageDefinition {
  return {
    name: 'report',
    product: 'the report',
    before,
    tellsOfStages: true,
    sections: () => ['report'],
    images: ({ scored, valDataset }) => ({
      base: valDataset === undefined ? [scored] : [scored, valDataset],
    }),
    masks: ({ scored, valDataset }) => ({ base: valDataset === undefined ? [scored] : [scored, valDataset] }),
    outputs: ({ report, reportFiles, images }) => [
      { path: report, needed: true },
      { path: reportFiles },
      { path: images },
    ],
    load: async () => (await import('./report.ts')).reportStage,
  }
}
