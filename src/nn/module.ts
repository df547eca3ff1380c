/** @file Modules hold parameters under PyTorch's names: a property `patchEmbed.proj` is the key `patch_embed.proj`. */
import { TagmaskError } from '../errors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import { fromData, keep, noGrad, ops, scope, Tensor } from '../torch/index.ts'

/** A tensor that is learned, unless it is frozen: a leaf with a gradient, outside every scope. */
export class Parameter extends Tensor {
  constructor(initial: Tensor) {
    super(keep(initial).handle)
    keep(this).requiresGrad = true
  }
}

/** A tensor that belongs to the state but is not learned, such as a running mean. */
export class Buffer extends Tensor {
  constructor(initial: Tensor) {
    super(keep(initial).handle)
    keep(this)
  }
}

/** Names and tensors of a network, in the order of its definition. */
export type StateDict = ReadonlyMap<string, Tensor>

/** A state dict that does not fit: what is missing, unexpected, or of another shape. */
export class StateDictError extends TagmaskError {
  override readonly name = 'StateDictError'
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
  readonly misshaped: readonly string[]

  constructor(missing: readonly string[], unexpected: readonly string[], misshaped: readonly string[]) {
    const part = (title: string, names: readonly string[]): string[] =>
      names.length === 0
        ? []
        : [`${names.length} ${title}: ${names.slice(0, 6).join(', ')}${names.length > 6 ? ', ...' : ''}`]
    super(
      `the weights do not fit the network: ${[
        ...part('missing', missing),
        ...part('unexpected', unexpected),
        ...part('of another shape', misshaped),
      ].join('; ')}`,
    )
    this.missing = missing
    this.unexpected = unexpected
    this.misshaped = misshaped
  }
}

/** Base of every layer and network. Sub-modules, lists of them, parameters and buffers are found by their properties. */
export abstract class Module {
  training = true

  /** Parameters by PyTorch's name. */
  parameters(): Map<string, Parameter> {
    return new Map(
      [...this.state()].filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter),
    )
  }

  /** Parameters and buffers by PyTorch's name: the live tensors. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.state())
  }

  /**
   * Copies values into the parameters and buffers. Throws StateDictError; with `strict: false` what is missing or
   * unexpected is returned instead (another shape is always an error).
   */
  loadStateDict(
    weights: ReadonlyMap<string, TensorData | Tensor>,
    { strict = true } = {},
  ): { readonly missing: readonly string[]; readonly unexpected: readonly string[] } {
    const own = this.stateDict()
    const missing = [...own.keys()].filter(name => !weights.has(name))
    const unexpected = [...weights.keys()].filter(name => !own.has(name))
    const misshaped = [...own].flatMap(([name, { shape }]) => {
      const given = weights.get(name)?.shape
      return given === undefined || given.join() === shape.join() ? [] : [`${name} [${given}] for [${shape}]`]
    })
    if (misshaped.length > 0 || (strict && missing.length + unexpected.length > 0)) {
      throw new StateDictError(missing, unexpected, misshaped)
    }
    noGrad(() => {
      for (const [name, target] of own) {
        const source = weights.get(name)
        if (source !== undefined)
          scope(() => void ops.copy_(target, source instanceof Tensor ? source : fromData(source)))
      }
    })
    return { missing, unexpected }
  }

  /** Switches dropout and drop-path on or off, here and below. */
  train(on = true): this {
    this.training = on
    for (const child of this.children()) child.train(on)
    return this
  }

  eval(): this {
    return this.train(false)
  }

  /** Its parameters stay as they are in training, and backward does no work for them. */
  freeze(): this {
    for (const parameter of this.parameters().values()) parameter.requiresGrad = false
    return this
  }

  /** Moves every parameter and buffer; handles taken before are then of the old device. */
  to(device: string): this {
    for (const [key, value] of Object.entries(this)) {
      if (!(value instanceof Parameter || value instanceof Buffer) || value.device === device) continue
      const moved = noGrad(() => value.to({ device }))
      const own = value instanceof Parameter ? new Parameter(moved) : new Buffer(moved)
      own.requiresGrad = value.requiresGrad
      Object.assign(this, { [key]: own })
      value.dispose()
    }
    for (const child of this.children()) child.to(device)
    return this
  }

  /** Frees every parameter and buffer. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose()
  }

  /** The modules directly below. */
  *children(): Iterable<Module> {
    for (const [, child] of submodules(this)) yield child
  }

  private *state(prefix = ''): Iterable<[string, Tensor]> {
    for (const [key, value] of Object.entries(this)) {
      if (value instanceof Parameter || value instanceof Buffer) yield [prefix + snake(key), value]
      else for (const [path, child] of submodules({ [key]: value })) yield* child.state(`${prefix}${path}.`)
    }
  }
}

/** Sub-modules in order: a property, or the entries of an array (by index) or of a plain object (by key). */
function* submodules(owner: object): Iterable<[string, Module]> {
  for (const [key, value] of Object.entries(owner)) {
    if (value instanceof Module) yield [snake(key), value]
    else if (isCollection(value)) {
      for (const [name, child] of Object.entries(value)) {
        if (child instanceof Module) yield [`${snake(key)}.${name}`, child]
      }
    }
  }
}

function isCollection(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
