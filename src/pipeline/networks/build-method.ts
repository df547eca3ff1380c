/** @file From a recipe to a network on its device, with seed and threads set. */
import { InputError } from '../../errors.ts'
import { textOf } from '../../io/printable.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { readWeights } from '../../io/weights.ts'
import type { BuildOptions } from '../../methods/definition.ts'
import type { Adapted, Method } from '../../methods/index.ts'
import { describeLoaded } from '../../models/loaded-weights.ts'
import { type Module, skipInit } from '../../nn/index.ts'
import { checkDevice, manualSeed, setThreads, type Tensor } from '../../torch/index.ts'
import { checkpointFiles } from '../../train/checkpoint.ts'
import type { Log } from '../../train/log.ts'
import { methodOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { warnOfRandomStart } from '../run/random-weights.ts'
import type { RunFolder } from '../run/run-folder.ts'
import { train } from '../stages/train/index.ts'
import { warnOfNormalisation } from '../weights/normalisation.ts'
import { compareClasses } from './weight-classes.ts'

/** Sets threads and seed of the recipe; returns the device. Throws InputError if it is unavailable. */
export function prepareTorch({ threads, device, seed }: Recipe): string {
  if (threads !== null) setThreads(threads)
  manualSeed(seed)
  return checkDevice(device)
}

/** Builds the method's network with random weights. Throws InputError for an unavailable device. */
export async function buildMethod(recipe: Recipe, options: BuildOptions): Promise<Method> {
  const device = prepareTorch(recipe)
  const method = await methodOf(recipe).build(recipe, options)
  for (const network of [method.network, ...(method.frozen ?? [])]) network.to(device)
  return method
}

interface MethodWeights {
  /** Names of the foreground classes. */
  readonly classes: readonly string[]
  /** Whether the file is published weights, of any number of positions, and no training's of this recipe. */
  readonly published: boolean
  readonly log: Log
}

/** Builds the method's network with all of its weights from a file. Throws InputError when they do not fit. */
export async function loadMethod(
  recipe: Recipe,
  file: string,
  { classes, published, log }: MethodWeights,
): Promise<Method> {
  const build = (): Promise<Method> => buildMethod(recipe, { numClasses: classes.length })
  if (published) {
    const method = await build()
    await loadPublished(method, file, { classes, log })
    return method
  }
  const method = await skipInit(build)
  await loadTrained(method.network, file)
  return method
}

/** Loads the recipe's pretrained weights, if any, and logs what was drawn at random. */
export async function startFromWeights(
  method: Method,
  recipe: Recipe,
  { run, log }: { run: RunFolder; log: Log },
): Promise<void> {
  if (recipe.weights === null) {
    if (recipe.data.layout === 'demo') log.info('train: from random weights, as intended for the demo')
    await warnOfRandomStart(train.randomStart?.(recipe), { checkpoints: run.checkpoints, log })
    return
  }
  const weights = await readWeights(recipe.weights)
  await warnOfNormalisation(recipe.weights, weights, { used: recipe.normalise, key: 'normalise', log })
  const loaded = method.loadPretrained(weights, { file: recipe.weights })
  sayLoaded(loaded, { log, network: method.network, names: weights.keys(), from: recipe.weights })
}

/** Logs what came from a file, and what nothing here uses. */
export function sayLoaded(
  loaded: Adapted,
  { log, network, names, from }: { log: Log; network: Module; names: Iterable<string>; from: string },
): void {
  const { info, warning } = describeLoaded(loaded, { names, own: network.stateDict() })
  log.info(`weights from ${from} (${info})`)
  if (warning !== undefined) log.warn(`${from}: ${warning}`)
}

/** The weight file for the CAMs: the recipe's, or that of the stage train. */
export function trainedWeights({ maps }: Recipe, { checkpoints }: RunFolder): string {
  return maps.weights ?? checkpointFiles(checkpoints)[maps.checkpoint]
}

/** Loads published weights of the whole network, of any number of positions. Throws InputError where some are missing. */
export async function loadPublished(
  method: Method,
  file: string,
  { classes, log }: { classes: readonly string[]; log: Log },
): Promise<void> {
  const weights = await readWeights(file)
  const loaded = method.loadPretrained(weights, { file })
  const { missing } = loaded
  if (missing.length === 0) {
    await compareClasses(file, classes, { field: 'maps.weights', log })
    return sayLoaded(loaded, { log, network: method.network, names: weights.keys(), from: file })
  }
  refuseOtherClasses(missing, { weights, own: method.network.stateDict(), file })
  const some = `${missing.slice(0, 6).join(', ')}${missing.length > 6 ? ', ...' : ''}`
  throw new InputError(file, `lacks ${missing.length} of the network's parameters: ${some}`, {
    field: 'maps.weights',
    expected: 'weights of the trained network; weights to start a training from are given with --weights',
  })
}

/** Parameters that the file has in another shape belong to classes: of all others a wrong shape is an error before this. */
function refuseOtherClasses(
  missing: readonly string[],
  {
    weights,
    own,
    file,
  }: { weights: ReadonlyMap<string, TensorData>; own: ReadonlyMap<string, Tensor>; file: string },
): void {
  for (const name of missing) {
    const there = [...weights.keys()].find(given => given === name || given.endsWith(`.${name}`))
    if (there === undefined) continue
    const [shape, wanted] = [weights.get(there)!, own.get(name)!].map(({ shape }) => `[${shape.join(', ')}]`)
    if (shape === wanted) continue // of another part, with the end of its name
    throw new InputError(
      file,
      `is of another number of classes: ${there} is ${shape}, the network's ${wanted}`,
      {
        field: 'maps.weights',
        expected: 'weights that were trained with the classes of this data set',
      },
    )
  }
}

/** Loads the weights of a training. Throws InputError naming the file when they do not fit. */
export async function loadTrained(network: Module, file: string): Promise<void> {
  const weights = await readWeights(file)
  try {
    network.loadStateDict(weights)
  } catch (cause) {
    throw new InputError(file, textOf(cause), {
      expected: 'weights of the same recipe; train again, or use the recipe they were trained with',
      cause,
    })
  }
}
