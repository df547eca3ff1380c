/** @file The networks of a recipe, built with random weights on the CPU and looked at. */
import { scaledSize } from '../../data/transforms/views.ts'
import { InputError } from '../../errors.ts'
import type { Method } from '../../methods/index.ts'
import type { Module } from '../../nn/index.ts'
import {
  autocast,
  backward,
  countMultiplyAdds,
  isOutOfMemory,
  memory,
  noGrad,
  ops,
  resetPeak,
  scope,
  type Tensor,
} from '../../torch/index.ts'
import { buildAffinity } from '../networks/build-affinity.ts'
import { buildAutoencoder } from '../networks/build-autoencoder.ts'
import { buildMethod } from '../networks/build-method.ts'
import { buildSegmentation } from '../networks/build-segmentation.ts'
import { autoencoderOf, encoderOf, methodOf, viewsOf } from '../recipe/method.ts'
import { walks } from '../recipe/refine.ts'
import type { Recipe } from '../recipe/schema.ts'
import { optimiserOf } from '../training/train-settings.ts'
import type { NetworkInspection, RecipeInspection, StepMemory, Work } from './inspection.ts'
import { moduleSizes } from './module-sizes.ts'

export interface InspectOptions {
  readonly numClasses: number
  /** Side of the images, pixels; default: of each network's training crop. */
  readonly side: number | undefined
}

/** The recipe's device must be the CPU. Throws InputError where a step does not fit into memory. */
export async function inspectRecipe(
  recipe: Recipe,
  { numClasses, side }: InspectOptions,
): Promise<RecipeInspection> {
  const words = `${methodOf(recipe).words(recipe).network}, ${encoderOf(recipe).size}, ${numClasses} classes`
  const networks = [...(await inspectMethod(recipe, { numClasses, side }))]
  if (walks(recipe.refine)) {
    const { network } = buildAffinity(recipe, { numClasses })
    networks.push(inspectNetwork('affinity network', network, { side: side ?? recipe.affinity.cropSize }))
  }
  if (recipe.segment !== null) {
    const { segment } = recipe
    const network = buildSegmentation(recipe, segment, { labels: numClasses + 1 })
    networks.push(inspectNetwork('segmentation network', network, { side: side ?? segment.cropSize }))
  }
  return { kind: 'recipe', words, networks }
}

async function inspectMethod(
  recipe: Recipe,
  { numClasses, side = encoderOf(recipe).imageSize }: InspectOptions,
): Promise<NetworkInspection[]> {
  const guided = autoencoderOf(recipe) !== undefined
  const autoencoder = guided ? await buildAutoencoder(recipe, { numClasses }) : undefined
  const method = await buildMethod(recipe, { numClasses, autoencoder })
  const { network, frozen = [] } = method
  try {
    network.eval()
    const look = (what: string, run: (image: Tensor) => unknown): Work => countWork(what, side, run)
    const work = [
      look('forward', image => method.logits(image)),
      look('CAMs, all scales and flips', () => imageCams(method, recipe, side)),
    ]
    const own = describeNetwork('classification network', network, work)
    const others = frozen.map(one => describeNetwork('frozen network', one, []))
    return [{ ...own, step: stepMemory(method, recipe, side) }, ...others]
  } finally {
    for (const one of [network, ...frozen, ...(method.memory?.values() ?? [])]) one.dispose()
  }
}

/** Of one tag, as the recipe makes them. */
function imageCams(method: Method, recipe: Recipe, side: number): Tensor {
  const { scales = recipe.maps.scales, ...rounding } = methodOf(recipe).camViews?.(recipe) ?? {}
  const views = scales.map(scale => {
    const { width, height } = scaledSize({ width: side, height: side }, scale, rounding)
    return ops.rand([1, 3, height, width])
  })
  return method.imageCams([{ views, classes: [0] }], { flip: recipe.maps.flip })[0]!
}

/** Disposes of the network. */
function inspectNetwork(
  title: string,
  network: Module & { forward(images: Tensor): Tensor },
  { side }: { side: number },
): NetworkInspection {
  try {
    network.eval()
    return describeNetwork(title, network, [countWork('forward', side, image => network.forward(image))])
  } finally {
    network.dispose()
  }
}

/** Of one image, without autograd. */
function countWork(what: string, side: number, run: (image: Tensor) => unknown): Work {
  return noGrad(() =>
    scope(() => {
      const image = ops.rand([1, 3, side, side])
      const { total, byOperator } = countMultiplyAdds(() => run(image))
      return { what, side, multiplyAdds: total, byOperator }
    }),
  )
}

function describeNetwork(title: string, network: Module, work: readonly Work[]): NetworkInspection {
  const parameters = [...network.parameters()]
  const sum = (some: typeof parameters): number =>
    some.reduce((total, [, { elements }]) => total + elements, 0)
  const tensors = [...network.stateDict()].map(([name, { shape, dtype }]) => ({ name, shape, dtype }))
  return {
    title,
    parameters: sum(parameters),
    frozen: sum(parameters.filter(([, { requiresGrad }]) => !requiresGrad)),
    modules: moduleSizes(parameters.map(([name, { shape }]) => ({ name, shape }))),
    work,
    step: undefined,
    tensors,
  }
}

/** Peaks of steps on one image and on two; those before them make what stays: gradients, averages of the optimiser. */
function stepMemory(method: Method, recipe: Recipe, side: number): StepMemory {
  const { batchSize } = recipe.train
  const optimiser = optimiserOf(method, recipe.train)
  const step = (images: number): number => {
    resetPeak()
    scope(() => {
      const [first, ...views] = viewsOf(recipe).map(() => ops.rand([images, 3, side, side]))
      const targets = ops.zeros([images, method.numClasses])
      ops.fill_(targets.narrow(1, 0, 1), 1)
      const boxes = Array.from({ length: images }, () => ({ x: 0, y: 0, width: side, height: side }))
      const losses = autocast(recipe, () => method.losses({ images: first!, views, boxes, targets }, LATE))
      backward(losses.total)
      optimiser.step(0)
      optimiser.zeroGrad()
    })
    return memory().peak
  }
  try {
    method.network.train()
    step(1)
    const oneImage = step(1)
    return { side, oneImage, further: Math.max(0, step(2) - oneImage), batchSize }
  } catch (cause) {
    if (!isOutOfMemory(cause)) throw cause
    throw new InputError('--size', `is ${side}: a training step on two images does not fit into memory`, {
      expected: 'a smaller one',
      cause,
    })
  } finally {
    optimiser.dispose()
  }
}

/** After every warm-up: all losses count. */
const LATE = { epoch: 1e6, step: 1e9 }
