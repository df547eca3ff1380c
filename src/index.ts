/**
 * @file The exports of `tagmask`: recipes, runs, files, scores and the dense CRF. Loads no libtorch; tensors,
 * layers, networks and the training loop are in tagmask/torch, /nn, /optim, /models, /methods and /train.
 */
export { type DemoSet, generateDemo, type OpenDatasetOptions, openDataset } from './data/index.ts'
export type { Dataset, Sample } from './data/sample.ts'
export { InputError, TagmaskError, TorchError } from './errors.ts'
export * from './io/index.ts'
export { NAMED_WEIGHTS, type NamedWeight, namedWeight } from './models/named-weights.ts'
export { type CheckDataOptions, checkData, type DataCheck } from './pipeline/check/check-data.ts'
export { type ExportMasksOptions, exportMasks } from './pipeline/export/export-masks.ts'
export { readCams, writeCams } from './pipeline/images/cam-file.ts'
export type { LabelScores } from './pipeline/images/predict-images.ts'
export type { Shard } from './pipeline/images/shard.ts'
export { type InspectTargetOptions, inspectTarget } from './pipeline/inspect/inspect.ts'
export type {
  FileInspection,
  NetworkInspection,
  RecipeInspection,
} from './pipeline/inspect/inspection.ts'
export { inspectionText } from './pipeline/inspect/inspection-text.ts'
export { type ImagePrediction, type OpenedRun, type OpenRunOptions, openRun } from './pipeline/open-run.ts'
export { type LoadedRecipe, type LoadRecipeOptions, loadRecipe } from './pipeline/recipe/load.ts'
export type { Recipe } from './pipeline/recipe/schema.ts'
export type { RunFolder } from './pipeline/run/run-folder.ts'
export { type RunRecipeOptions, runRecipe } from './pipeline/run/run-recipe.ts'
export { Interrupted } from './pipeline/run/stage.ts'
export { type ConvertOptions, convertWeights } from './pipeline/weights/convert-weights.ts'
export { type FetchNamedOptions, fetchNamed } from './pipeline/weights/fetch-named.ts'
export { inspectWeights } from './pipeline/weights/inspect-weights.ts'
export {
  type BilateralTerm,
  CAM_CRF,
  type CrfParameters,
  type GaussianTerm,
} from './refine/crf-parameters.ts'
export {
  type LabelUnaryOptions,
  type Unary,
  unaryFromLabels,
  unaryFromScores,
} from './refine/crf-unary.ts'
export {
  type CrfImage,
  type CrfThreads,
  denseCrf,
  denseCrfBatch,
  mostProbableLabels,
} from './refine/dense-crf.ts'
export { createLog, type Log, silentLog } from './train/log.ts'
