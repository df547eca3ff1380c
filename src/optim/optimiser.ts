/** @file What optimisers share: groups of parameters, their state by parameter name, steps over cache-sized chunks. */
import { TagmaskError } from '../errors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import type { Module, Parameter } from '../nn/index.ts'
import { fromData, keep, noGrad, ops, scope, type Tensor } from '../torch/index.ts'

export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Parameter>
  readonly weightDecay: number
  /** Factor on the learning rate of a step. */
  readonly lrScale?: number
}

export interface Optimiser {
  readonly groups: readonly ParameterGroup[]
  /** One update; parameters without a gradient do not change, not even by weight decay. */
  step(lr: number): void
  /** Sets all gradients to none. */
  zeroGrad(): void
  /** Running averages by `kind.parameter`, and the number of steps taken. */
  state(): { readonly tensors: ReadonlyMap<string, Tensor>; readonly steps: number }
  /** Throws TagmaskError when the averages are not those of these parameters. */
  loadState(tensors: ReadonlyMap<string, TensorData>, steps: number): void
  /** Frees the averages, which take once or twice the memory of the parameters; the optimiser then stands at step 0. */
  dispose(): void
}

/** Decayed parameters. weights: all but one-dimensional tensors, biases and named exceptions; all: every one. */
export type Decays = 'weights' | 'all'

export interface DecayOptions {
  readonly weightDecay: number
  readonly decays?: Decays
  /** Names of parameters that do not decay. */
  readonly noDecay?: ReadonlySet<string>
  /** Factor on the learning rate of a parameter, by its name. */
  readonly lrScale?: (name: string) => number
}

/** For each factor on the learning rate, two groups as in timm 0.4.12 (weights), or one (all). */
export function decayGroups(
  network: Module,
  { weightDecay, decays = 'weights', noDecay = new Set(), lrScale = () => 1 }: DecayOptions,
): ParameterGroup[] {
  const spared = ([name, { shape }]: [string, Parameter]): boolean =>
    shape.length === 1 || name.endsWith('.bias') || noDecay.has(name)
  const all = [...network.parameters()]
  return [...new Set(all.map(([name]) => lrScale(name)))].flatMap(scale => {
    const own = all.filter(([name]) => lrScale(name) === scale)
    if (decays === 'all') return [{ parameters: new Map(own), weightDecay, lrScale: scale }]
    return [
      { parameters: new Map(own.filter(spared)), weightDecay: 0, lrScale: scale },
      { parameters: new Map(own.filter(entry => !spared(entry))), weightDecay, lrScale: scale },
    ]
  })
}

/** A slice of a group that is updated together: parallel lists, as libtorch's _foreach operators take them. */
export interface Chunk {
  readonly parameters: Tensor[]
  readonly gradients: Tensor[]
  /** One list for each kind of running average. */
  readonly averages: Tensor[][]
}

// A chunk's parameters, gradients and averages should stay in the cache from one operator to the next.
const CHUNK_BYTES = 2 << 20

interface UpdateOptions {
  /** Names of the running averages: zero at first, shaped as the parameter. */
  readonly kinds: readonly string[]
  readonly update: (chunk: Chunk, context: { group: ParameterGroup; lr: number; steps: number }) => void
}

/** An optimiser from its update rule. */
export function optimiser(groups: readonly ParameterGroup[], { kinds, update }: UpdateOptions): Optimiser {
  const averages = new Map<string, Tensor>()
  let steps = 0
  const average = (kind: string, name: string, parameter: Tensor): Tensor => {
    const key = `${kind}.${name}`
    const found = averages.get(key) ?? keep(ops.zerosLike(parameter.detach()))
    averages.set(key, found)
    return found
  }
  const forget = (): void => {
    for (const tensor of averages.values()) tensor.dispose()
    averages.clear()
    steps = 0
  }
  return {
    groups,
    step(lr) {
      steps++
      noGrad(() => {
        for (const group of groups) {
          scope(() => {
            for (const entries of chunked(group.parameters)) {
              scope(() =>
                update(
                  {
                    parameters: entries.map(({ parameter }) => parameter),
                    gradients: entries.map(({ gradient }) => gradient),
                    averages: kinds.map(kind =>
                      entries.map(({ name, parameter }) => average(kind, name, parameter)),
                    ),
                  },
                  { group, lr: lr * (group.lrScale ?? 1), steps },
                ),
              )
            }
          })
        }
      })
    },
    zeroGrad() {
      for (const { parameters } of groups)
        for (const parameter of parameters.values()) parameter.grad = undefined
    },
    state: () => ({ tensors: averages, steps }),
    loadState(tensors, taken) {
      const parameters = new Map(groups.flatMap(({ parameters: own }) => [...own]))
      checkAverages(tensors, parameters, kinds)
      forget()
      steps = taken
      for (const [key, data] of tensors) {
        const { device, dtype } = parameters.get(parameterOf(key))!
        averages.set(
          key,
          scope(() => keep(fromData(data).to({ device, dtype }))),
        )
      }
    },
    dispose: forget,
  }
}

/** The name behind `kind.`. */
function parameterOf(key: string): string {
  return key.slice(key.indexOf('.') + 1)
}

/** Every average has a known kind and parameter, and its shape; a parameter with one kind has all. */
function checkAverages(
  tensors: ReadonlyMap<string, TensorData>,
  parameters: ReadonlyMap<string, Parameter>,
  kinds: readonly string[],
): void {
  for (const [key, { shape }] of tensors) {
    const name = parameterOf(key)
    const parameter = parameters.get(name)
    if (parameter === undefined || !kinds.some(kind => key === `${kind}.${name}`))
      throw new TagmaskError(`the optimiser has no ${key}`)
    if (shape.join() !== parameter.shape.join())
      throw new TagmaskError(`the optimiser's ${key} is [${shape}] for [${parameter.shape}]`)
    const absent = kinds.find(kind => !tensors.has(`${kind}.${name}`))
    if (absent !== undefined) throw new TagmaskError(`the optimiser's ${absent}.${name} is missing`)
  }
}

interface Entry {
  readonly name: string
  readonly parameter: Parameter
  readonly gradient: Tensor
}

function chunked(parameters: ReadonlyMap<string, Parameter>): Entry[][] {
  const chunks: Entry[][] = []
  let room = 0
  for (const [name, parameter] of parameters) {
    const gradient = parameter.grad
    if (gradient === undefined) continue
    const bytes = parameter.device === 'cpu' ? parameter.elements * 4 : 0 // a GPU wants them all at once
    if (chunks.length === 0 || room < bytes) {
      chunks.push([])
      room = CHUNK_BYTES
    }
    chunks.at(-1)!.push({ name, parameter, gradient })
    room -= bytes
  }
  return chunks
}
