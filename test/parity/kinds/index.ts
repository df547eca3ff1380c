/** @file Every kind of golden file we know. A new one is one file here and one line below. */
import type { Content, Kind } from '../fixture.ts'
import { checkCrf } from './crf.ts'
import { checkEvaluation } from './evaluation.ts'
import { mctformerCam } from './mctformer-cam.ts'
import { mctformerEval } from './mctformer-eval.ts'
import { mctformerPosembed } from './mctformer-posembed.ts'
import { mctformerSchedule } from './mctformer-schedule.ts'
import { mctformerTraining } from './mctformer-training.ts'
import { checkTransforms } from './transforms.ts'

export const kinds: readonly Kind[] = [
  mctformerTraining,
  mctformerEval,
  mctformerCam,
  mctformerPosembed,
  mctformerSchedule,
  {
    name: 'MCTformer evaluation',
    matches: ({ source, has }) => /^MCTformer/.test(source) && has('npy.iou') && has('ap.scores'),
    check: checkEvaluation,
    inputs: ['ap.targets', 'ap.scores'],
  },
  {
    name: 'MCTformer transforms',
    matches: ({ source, has }) => /^MCTformer/.test(source) && has('ms.sizes') && has('in.aug_rgb'),
    check: checkTransforms,
  },
  {
    name: 'dense CRF',
    matches: ({ config, source, hasPrefix }) =>
      /^(pydensecrf|crf_inference)/.test(source) &&
      'params' in config &&
      (hasPrefix('q.') || hasPrefix('out.')),
    check: checkCrf,
  },
]

/** The kind of a file, by its content; undefined where none fits. */
export function kindOf(content: Content): Kind | undefined {
  return kinds.find(({ matches }) => matches(content))
}
