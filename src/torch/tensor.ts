/** @file The tensor: a disposable handle on libtorch's, with the methods that models use most; the others are in ops.gen.ts. */
import { elementCount, type TensorData } from '../io/tensor-data.ts'
import { type DType, dtypeOf, scalarType } from './dtype.ts'
import { type Handle, native } from './native.ts'
import { provideTensor, typed } from './operator.ts'
import * as ops from './ops.gen.ts'
import { track } from './scope.ts'

/** An n-dimensional array on a device. Belongs to the innermost `scope`; `dispose()` frees it at once. */
export class Tensor implements Disposable {
  /** For the operators of this folder; not for users. */
  readonly handle: Handle
  #shape: readonly number[] | undefined

  constructor(handle: Handle) {
    this.handle = handle
    track(this)
  }

  get shape(): readonly number[] {
    this.#shape ??= native.shape(this.handle)
    return this.#shape
  }

  get dtype(): DType {
    return dtypeOf(native.dtype(this.handle))
  }

  /** 'cpu', 'cuda:0', ... */
  get device(): string {
    return native.device(this.handle)
  }

  get elements(): number {
    return elementCount(this.shape)
  }

  get isDisposed(): boolean {
    return native.isDisposed(this.handle)
  }

  get isContiguous(): boolean {
    return native.isContiguous(this.handle)
  }

  /** Extent of one axis; negative counts from the end. */
  size(dim: number): number {
    const extent = this.shape.at(dim)
    if (extent === undefined) throw new RangeError(`no axis ${dim} in ${this}`)
    return extent
  }

  dispose(): void {
    if (!this.isDisposed) native.dispose(this.handle)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    return this.isDisposed ? 'Tensor(disposed)' : `Tensor(${this.dtype} [${this.shape.join(', ')}])`
  }

  // Autograd

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle)
  }

  set requiresGrad(on: boolean) {
    native.setRequiresGrad(this.handle, on)
  }

  /** The accumulated gradient of a leaf; a new handle that the enclosing scope frees. */
  get grad(): Tensor | undefined {
    const handle = native.grad(this.handle)
    return handle === undefined ? undefined : new Tensor(handle)
  }

  set grad(gradient: Tensor | undefined) {
    native.setGrad(this.handle, gradient?.handle)
  }

  detach(): Tensor {
    return ops.detach(this)
  }

  // Values

  /** The only element, as a number. */
  item(): number {
    return Number(typed('item', () => native.item(this.handle)))
  }

  /** A copy of the bytes in C order, whatever device it lives on. */
  toData(): TensorData {
    return { dtype: this.dtype, shape: this.shape, data: new Uint8Array(this.bytes()) }
  }

  /** A copy of the values as float32, C order. */
  toFloat32Array(): Float32Array {
    if (this.dtype === 'float32') return new Float32Array(this.bytes())
    const converted = ops.toDtype(this.detach(), 'float32')
    const values = new Float32Array(converted.bytes())
    converted.dispose()
    return values
  }

  private bytes(): ArrayBuffer {
    return typed('bytes', () => native.toBytes(this.handle))
  }

  // Elementwise

  add(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.add(this, other) : ops.addScalar(this, other)
  }

  sub(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.sub(this, other) : ops.subScalar(this, other)
  }

  mul(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.mul(this, other) : ops.mulScalar(this, other)
  }

  div(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.div(this, other) : ops.divScalar(this, other)
  }

  neg(): Tensor {
    return ops.neg(this)
  }

  abs(): Tensor {
    return ops.abs(this)
  }

  exp(): Tensor {
    return ops.exp(this)
  }

  log(): Tensor {
    return ops.log(this)
  }

  sqrt(): Tensor {
    return ops.sqrt(this)
  }

  relu(): Tensor {
    return ops.relu(this)
  }

  sigmoid(): Tensor {
    return ops.sigmoid(this)
  }

  /** Values below `min` become `min`, those above `max` become `max`. */
  clamp(limits: { min?: number; max?: number }): Tensor {
    return ops.clamp(this, limits)
  }

  // Comparisons: bool tensors

  eq(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.eq(this, other) : ops.eqScalar(this, other)
  }

  ne(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.ne(this, other) : ops.neScalar(this, other)
  }

  lt(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.lt(this, other) : ops.ltScalar(this, other)
  }

  le(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.le(this, other) : ops.leScalar(this, other)
  }

  gt(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.gt(this, other) : ops.gtScalar(this, other)
  }

  ge(other: Tensor | number): Tensor {
    return other instanceof Tensor ? ops.ge(this, other) : ops.geScalar(this, other)
  }

  // Shape

  reshape(...shape: number[]): Tensor {
    return ops.reshape(this, shape)
  }

  permute(...dims: number[]): Tensor {
    return ops.permute(this, dims)
  }

  transpose(a: number, b: number): Tensor {
    return ops.transpose(this, a, b)
  }

  expand(...shape: number[]): Tensor {
    return ops.expand(this, shape)
  }

  unsqueeze(dim: number): Tensor {
    return ops.unsqueeze(this, dim)
  }

  contiguous(): Tensor {
    return ops.contiguous(this)
  }

  /** Elements [start, start + length) of one axis; a view. */
  narrow(dim: number, start: number, length: number): Tensor {
    return ops.narrow(this, dim, start, length)
  }

  /** One entry of an axis, which disappears; a view. */
  select(dim: number, index: number): Tensor {
    return ops.select(this, dim, index)
  }

  flip(...dims: number[]): Tensor {
    return ops.flip(this, dims)
  }

  clone(): Tensor {
    return ops.clone(this)
  }

  // Reductions and products

  /** Over the given axes, or over all. */
  sum(dims?: number | readonly number[], { keepdim = false } = {}): Tensor {
    return dims === undefined ? ops.sum(this) : ops.sumDim(this, list(dims), { keepdim })
  }

  /** Over the given axes, or over all. */
  mean(dims?: number | readonly number[], { keepdim = false } = {}): Tensor {
    return dims === undefined ? ops.mean(this) : ops.meanDim(this, list(dims), { keepdim })
  }

  /** The largest of all values, or the largest along an axis and their indices (int64). */
  max(): Tensor
  max(dim: number, options?: { keepdim?: boolean }): Extremes
  max(dim?: number, options: { keepdim?: boolean } = {}): Tensor | Extremes {
    return dim === undefined ? ops.max(this) : extremes(ops.maxDim(this, dim, options))
  }

  /** The smallest of all values, or the smallest along an axis and their indices (int64). */
  min(): Tensor
  min(dim: number, options?: { keepdim?: boolean }): Extremes
  min(dim?: number, options: { keepdim?: boolean } = {}): Tensor | Extremes {
    return dim === undefined ? ops.min(this) : extremes(ops.minDim(this, dim, options))
  }

  /** Index of the largest value (int64): along an axis, or among all in C order. */
  argmax(dim?: number, { keepdim = false } = {}): Tensor {
    return ops.argmax(this, { dim, keepdim })
  }

  softmax(dim: number): Tensor {
    return ops.softmax(this, dim)
  }

  matmul(other: Tensor): Tensor {
    return ops.matmul(this, other)
  }

  // Type and device

  to({ dtype, device }: { dtype?: DType | undefined; device?: string | undefined }): Tensor {
    if ((dtype ?? this.dtype) === this.dtype && (device ?? this.device) === this.device) return this
    return ops.toCopy(this, { dtype, device })
  }
}

provideTensor(Tensor)

/** Result of `max` and `min` along an axis. */
export interface Extremes {
  readonly values: Tensor
  readonly indices: Tensor
}

function extremes([values, indices]: readonly [Tensor, Tensor]): Extremes {
  return { values, indices }
}

function list(dims: number | readonly number[]): readonly number[] {
  return typeof dims === 'number' ? [dims] : dims
}

/** Copies values to a new float32 tensor on the CPU. */
export function tensor(
  values: Float32Array | readonly number[],
  shape: readonly number[] = [values.length],
): Tensor {
  const array = values instanceof Float32Array ? values : Float32Array.from(values)
  return fromBytes(array, 'float32', shape)
}

/** Copies a raw array to a new tensor on the CPU. */
export function fromData({ dtype, shape, data }: TensorData): Tensor {
  return fromBytes(data, dtype, shape)
}

function fromBytes(bytes: ArrayBufferView, dtype: DType, shape: readonly number[]): Tensor {
  return new Tensor(typed('tensor', () => native.fromBytes(bytes, scalarType(dtype), shape)))
}
