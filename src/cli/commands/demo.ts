/** @file `tagmask demo`: generates images, trains on their tags, draws the masks. */
import { buildCommand, type Command } from '@stricli/core'
import type { CliContext } from '../context.ts'
import { type OutputFlags, type PlanFlags, planFlags, type RunFlags, runFlags } from '../run-flags.ts'
import { runWithFlags } from './run.ts'

type DemoFlags = Omit<RunFlags, 'weights' | 'checkpoint' | 'strict' | 'tags'> & PlanFlags & OutputFlags

// its images are whole, and no published weights fit its network
const {
  weights: _weights,
  checkpoint: _checkpoint,
  strict: _strict,
  tags: _tags,
  ...flags
} = { ...runFlags, ...planFlags }

export const demo: Command<CliContext> = buildCommand<DemoFlags, [], CliContext>({
  docs: {
    customUsage: ['[flags]'],
    brief: 'Try it: from generated images to masks in minutes',
    fullDescription: `Generates a small set of tagged images from a seed (once), trains MCTformer on the tags alone, draws CAMs,
refines them to pseudo masks, trains a segmentation network from those, and prints every stage's table and the path of
the report. The recipe is recipes/mctformer_demo.yaml.

Examples:
  tagmask demo
  tagmask demo --seed 1 --name demo-seed1
  tagmask demo --set train.epochs=2 --name quick`,
  },
  parameters: { flags },
  async func(flags) {
    await runWithFlags(this, flags, 'mctformer_demo')
  },
})
