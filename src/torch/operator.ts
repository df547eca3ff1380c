/** @file The TypeScript side of the boxed entry: an operator by name, arguments unwrapped, results wrapped, errors typed. */
import { TorchError } from '../errors.ts'
import { type Handle, native } from './native.ts'
import type { Tensor } from './tensor.ts'
import { UNCHECKED } from './unchecked-operators.ts'

// tensor.ts imports the operators, so it registers its class here instead of being imported.
let TensorClass: new (handle: Handle) => Tensor

export function provideTensor(type: new (handle: Handle) => Tensor): void {
  TensorClass = type
}

/** An operator of libtorch, resolved at its first call. */
export interface Operator {
  readonly name: string
  readonly overload: string
  id: number | undefined
  /** The problem with arguments that libtorch does not check. */
  readonly check: ((args: readonly unknown[]) => string | undefined) | undefined
}

/** An operator by name; libtorch resolves it at its first call. */
export function operator(name: string, overload: string): Operator {
  return { name, overload, id: undefined, check: UNCHECKED.get(name) }
}

export function callTensor(op: Operator, args: readonly unknown[]): Tensor {
  return new TensorClass(invoke(op, args) as Handle)
}

/** For operators that return several tensors, as a tuple or a list; undefined for outputs that a mask leaves out. */
export function callTensors(op: Operator, args: readonly unknown[]): Tensor[] {
  return (invoke(op, args) as Handle[]).map(handle =>
    handle === undefined ? (handle as never) : new TensorClass(handle),
  )
}

export function callNothing(op: Operator, args: readonly unknown[]): void {
  invoke(op, args)
}

/** In-place and out= operators: the result is the argument itself. */
export function callInto(op: Operator, args: readonly unknown[], target: Tensor): Tensor {
  native.dispose(invoke(op, args) as Handle)
  return target
}

/** Runs the operator on another thread; the caller must not dispose the arguments before it is done. */
export async function callTensorAsync(op: Operator, args: readonly unknown[]): Promise<Tensor> {
  try {
    check(op, args)
    return new TensorClass((await native.invokeAsync(resolve(op), unwrapAll(args))) as Handle)
  } catch (error) {
    throw explained(op, args, error)
  }
}

/** Sees an operator's arguments and what it returned: a handle, several, or nothing. */
export type CallWatcher = (op: Operator, args: readonly unknown[], result: unknown) => void

let watcher: CallWatcher | undefined

/** Shows `see` every operator that `body` calls, not those of autograd's own backward; the innermost watcher sees them. */
export function watchCalls<T>(see: CallWatcher, body: () => T): T {
  const before = watcher
  watcher = see
  try {
    return body()
  } finally {
    watcher = before
  }
}

function invoke(op: Operator, args: readonly unknown[]): unknown {
  try {
    check(op, args)
    const result = native.invoke(op.id ?? resolve(op), unwrapAll(args))
    watcher?.(op, args, result)
    return result
  } catch (error) {
    throw explained(op, args, error)
  }
}

function check(op: Operator, args: readonly unknown[]): void {
  const wrong = op.check?.(args)
  if (wrong !== undefined) throw new TypeError(wrong)
}

/** Types errors of the addon outside of operators, under `name`. */
export function typed<T>(name: string, body: () => T): T {
  try {
    return body()
  } catch (cause) {
    throw new TorchError(name, cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function resolve(op: Operator): number {
  op.id ??= native.findOp(op.name, op.overload)
  if (op.id === undefined) throw new TorchError(title(op), `not in libtorch ${native.describe().version}`)
  return op.id
}

function unwrapAll(args: readonly unknown[]): unknown[] {
  return args.map(arg => {
    if (arg instanceof TensorClass) return arg.handle
    return Array.isArray(arg) && arg.some(entry => entry instanceof TensorClass) ? unwrapAll(arg) : arg
  })
}

function title({ name, overload }: Operator): string {
  return overload === '' ? name : `${name}.${overload}`
}

function explained(op: Operator, args: readonly unknown[], error: unknown): TorchError {
  if (error instanceof TorchError) return error
  const [text] = error instanceof Error ? error.message.split('\nException raised from') : [String(error)]
  return new TorchError(title(op), `${text}; called with (${args.map(shown).join(', ')})`, { cause: error })
}

function shown(arg: unknown): string {
  if (arg instanceof TensorClass) return arg.toString()
  if (Array.isArray(arg)) return `[${arg.slice(0, 8).map(shown).join(', ')}${arg.length > 8 ? ', ...' : ''}]`
  return typeof arg === 'object' && arg !== null ? 'an object' : String(arg)
}
