/** @file The autoencoder of a recipe, with initial or trained weights. */
import { TagmaskError } from '../../errors.ts'
import { readWeights } from '../../io/weights.ts'
import type { Autoencoder } from '../../methods/index.ts'
import { checkpointFiles } from '../../train/checkpoint.ts'
import type { Log } from '../../train/log.ts'
import { autoencoderOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { warnOfRandomStart } from '../run/random-weights.ts'
import type { RunFolder } from '../run/run-folder.ts'
import { autoencoder as stage } from '../stages/autoencoder/index.ts'
import { warnOfNormalisation } from '../weights/normalisation.ts'
import { loadTrained, prepareTorch, sayLoaded } from './build-method.ts'
import { compareClasses } from './weight-classes.ts'

/** Builds it with random weights, on the device of the recipe. Throws InputError for an unavailable device. */
export async function buildAutoencoder(
  recipe: Recipe,
  options: { numClasses: number },
): Promise<Autoencoder> {
  const device = prepareTorch(recipe)
  const found = autoencoderOf(recipe)
  if (found === undefined) throw new TagmaskError(`the method ${recipe.method} has no autoencoder`)
  const autoencoder = await found.build(options)
  autoencoder.network.to(device)
  return autoencoder
}

/** Loads `autoencoder.weights`, if any, and logs what was drawn at random; true where nothing of it was. */
export async function startAutoencoder(
  autoencoder: Autoencoder,
  recipe: Recipe,
  { classes, run, log }: { classes: readonly string[]; run: RunFolder; log: Log },
): Promise<boolean> {
  const { weights: file } = autoencoderOf(recipe)!.settings
  if (file === null) {
    await warnOfRandomStart(stage.randomStart?.(recipe), { checkpoints: run.autoencoderCheckpoints, log })
    return false
  }
  const weights = await readWeights(file)
  await warnOfNormalisation(file, weights, { used: recipe.normalise, key: 'normalise', log })
  const loaded = autoencoder.loadPretrained(weights, { file })
  sayLoaded(loaded, { log, network: autoencoder.network, names: weights.keys(), from: file })
  const isWhole = loaded.missing.every(name => UNUSED.test(name))
  if (isWhole) await compareClasses(file, classes, { field: 'autoencoder.weights', log })
  return isWhole
}

const UNUSED = /\.(dist_token|head_dist\.\w+)$/ // in no computation

/** Loads what the stage autoencoder has trained, and puts it into eval mode. Throws InputError when the weights do not fit. */
export async function loadAutoencoder(
  { network }: Autoencoder,
  recipe: Recipe,
  { autoencoderCheckpoints }: RunFolder,
): Promise<void> {
  const { checkpoint } = autoencoderOf(recipe)!.settings
  await loadTrained(network, checkpointFiles(autoencoderCheckpoints)[checkpoint])
  network.eval()
}
