/** @file Every kind of golden file we know. A new one is one file here and one line below. */
import type { Content, Kind } from '../fixture.ts'
import { afaEncoder } from './afa-encoder.ts'
import { afaEnergy } from './afa-energy.ts'
import { afaInference } from './afa-inference.ts'
import { afaLabels } from './afa-labels.ts'
import { afaOptimiser } from './afa-optimiser.ts'
import { afaOutputs } from './afa-outputs.ts'
import { afaPar } from './afa-par.ts'
import { afaStep } from './afa-step.ts'
import { cam } from './cam.ts'
import { checkCrf } from './crf.ts'
import { ctiEvaluation } from './cti-evaluation.ts'
import { ctiInference } from './cti-inference.ts'
import { ctiModel } from './cti-model.ts'
import { ctiSchedule } from './cti-schedule.ts'
import { ctiStep } from './cti-step.ts'
import { checkEvaluation } from './evaluation.ts'
import { mctformerCam } from './mctformer-cam.ts'
import { mctformerEval } from './mctformer-eval.ts'
import { mctformerPosembed } from './mctformer-posembed.ts'
import { mctformerSchedule } from './mctformer-schedule.ts'
import { mctformerTraining } from './mctformer-training.ts'
import { psaAffinity } from './psa-affinity.ts'
import { psaLabels } from './psa-labels.ts'
import { psaSegSchedules } from './psa-seg-schedules.ts'
import { psaSegTransforms } from './psa-seg-transforms.ts'
import { psaTraining } from './psa-training.ts'
import { psaWalk } from './psa-walk.ts'
import { segForward } from './seg-forward.ts'
import { segInference } from './seg-inference.ts'
import { segTraining } from './seg-training.ts'
import { semformerAffinity } from './semformer-affinity.ts'
import { semformerCaae } from './semformer-caae.ts'
import { semformerEval } from './semformer-eval.ts'
import { semformerInfer } from './semformer-infer.ts'
import { semformerLabels } from './semformer-labels.ts'
import { semformerOptim } from './semformer-optim.ts'
import { semformerSeg } from './semformer-seg.ts'
import { semformerUtils } from './semformer-utils.ts'
import { checkTransforms } from './transforms.ts'
import { weaktrCam } from './weaktr-cam.ts'
import { weaktrEval } from './weaktr-eval.ts'
import { weaktrEvaluation } from './weaktr-evaluation.ts'
import { weaktrGradclip } from './weaktr-gradclip.ts'
import { weaktrRetrain } from './weaktr-retrain.ts'
import { weaktrRetrainInfer } from './weaktr-retrain-infer.ts'
import { weaktrRetrainSchedule } from './weaktr-retrain-schedule.ts'
import { weaktrSchedule } from './weaktr-schedule.ts'
import { weaktrTraining } from './weaktr-training.ts'

export const kinds: readonly Kind[] = [
  cam,
  afaEncoder,
  afaInference,
  afaLabels,
  afaOutputs,
  afaStep,
  ctiEvaluation,
  ctiInference,
  ctiModel,
  ctiSchedule,
  ctiStep,
  mctformerTraining,
  mctformerEval,
  mctformerCam,
  mctformerPosembed,
  mctformerSchedule,
  weaktrTraining,
  weaktrEval,
  weaktrCam,
  weaktrSchedule,
  weaktrEvaluation,
  psaAffinity,
  psaLabels,
  psaTraining,
  psaWalk,
  psaSegSchedules,
  psaSegTransforms,
  segForward,
  segTraining,
  segInference,
  semformerAffinity,
  semformerLabels,
  weaktrGradclip,
  weaktrRetrain,
  weaktrRetrainInfer,
  weaktrRetrainSchedule,
  afaOptimiser,
  afaPar,
  afaEnergy,
  semformerCaae,
  semformerSeg,
  semformerInfer,
  semformerUtils,
  semformerOptim,
  semformerEval,
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
