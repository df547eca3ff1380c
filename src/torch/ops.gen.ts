/**
 * @file Typed operators, printed by scripts/generate-ops.ts from ops.schemas.txt. Do not edit: run npm run ops.
 * JavaScript has no integers: numbers alone (full, arange) make float32 unless a dtype is given; beside a tensor a whole
 * number leaves its type as it is.
 */
import { type DType, scalarType } from './dtype.ts'
import { callInto, callNothing, callTensor, callTensors, operator } from './operator.ts'
import type { Tensor } from './tensor.ts'

const emptyOp = operator('aten::empty', 'memory_format')
/** aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor */
export function empty(size: readonly number[], { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(emptyOp, [size, scalarType(dtype), undefined, device])
}

const zerosOp = operator('aten::zeros', '')
/** aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor */
export function zeros(size: readonly number[], { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(zerosOp, [size, scalarType(dtype), undefined, device])
}

const onesOp = operator('aten::ones', '')
/** aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor */
export function ones(size: readonly number[], { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(onesOp, [size, scalarType(dtype), undefined, device])
}

const fullOp = operator('aten::full', '')
/** aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor */
export function full(size: readonly number[], fillValue: number, { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(fullOp, [size, fillValue, scalarType(dtype), undefined, device])
}

const arangeOp = operator('aten::arange', 'start_step')
/** aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor */
export function arange(start: number, end: number, { step, dtype, device }: { step?: number | undefined; dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(arangeOp, [start, end, step, scalarType(dtype), undefined, device])
}

const randnOp = operator('aten::randn', '')
/** aten::randn(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor */
export function randn(size: readonly number[], { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(randnOp, [size, scalarType(dtype), undefined, device])
}

const randOp = operator('aten::rand', '')
/** aten::rand(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor */
export function rand(size: readonly number[], { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(randOp, [size, scalarType(dtype), undefined, device])
}

const zerosLikeOp = operator('aten::zeros_like', '')
/** aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor */
export function zerosLike(self: Tensor, { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(zerosLikeOp, [self, scalarType(dtype), undefined, device])
}

const onesLikeOp = operator('aten::ones_like', '')
/** aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor */
export function onesLike(self: Tensor, { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(onesLikeOp, [self, scalarType(dtype), undefined, device])
}

const emptyLikeOp = operator('aten::empty_like', '')
/** aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor */
export function emptyLike(self: Tensor, { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(emptyLikeOp, [self, scalarType(dtype), undefined, device])
}

const fullLikeOp = operator('aten::full_like', '')
/** aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor */
export function fullLike(self: Tensor, fillValue: number, { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(fullLikeOp, [self, fillValue, scalarType(dtype), undefined, device])
}

const addOp = operator('aten::add', 'Tensor')
/** aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor */
export function add(self: Tensor, other: Tensor, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callTensor(addOp, [self, other, alpha])
}

const addScalarOp = operator('aten::add', 'Scalar')
/** aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor */
export function addScalar(self: Tensor, other: number, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callTensor(addScalarOp, [self, other, alpha])
}

const subOp = operator('aten::sub', 'Tensor')
/** aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor */
export function sub(self: Tensor, other: Tensor, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callTensor(subOp, [self, other, alpha])
}

const subScalarOp = operator('aten::sub', 'Scalar')
/** aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor */
export function subScalar(self: Tensor, other: number, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callTensor(subScalarOp, [self, other, alpha])
}

const mulOp = operator('aten::mul', 'Tensor')
/** aten::mul.Tensor(Tensor self, Tensor other) -> Tensor */
export function mul(self: Tensor, other: Tensor): Tensor {
  return callTensor(mulOp, [self, other])
}

const mulScalarOp = operator('aten::mul', 'Scalar')
/** aten::mul.Scalar(Tensor self, Scalar other) -> Tensor */
export function mulScalar(self: Tensor, other: number): Tensor {
  return callTensor(mulScalarOp, [self, other])
}

const divOp = operator('aten::div', 'Tensor')
/** aten::div.Tensor(Tensor self, Tensor other) -> Tensor */
export function div(self: Tensor, other: Tensor): Tensor {
  return callTensor(divOp, [self, other])
}

const divScalarOp = operator('aten::div', 'Scalar')
/** aten::div.Scalar(Tensor self, Scalar other) -> Tensor */
export function divScalar(self: Tensor, other: number): Tensor {
  return callTensor(divScalarOp, [self, other])
}

const negOp = operator('aten::neg', '')
/** aten::neg(Tensor self) -> Tensor */
export function neg(self: Tensor): Tensor {
  return callTensor(negOp, [self])
}

const absOp = operator('aten::abs', '')
/** aten::abs(Tensor self) -> Tensor */
export function abs(self: Tensor): Tensor {
  return callTensor(absOp, [self])
}

const expOp = operator('aten::exp', '')
/** aten::exp(Tensor self) -> Tensor */
export function exp(self: Tensor): Tensor {
  return callTensor(expOp, [self])
}

const logOp = operator('aten::log', '')
/** aten::log(Tensor self) -> Tensor */
export function log(self: Tensor): Tensor {
  return callTensor(logOp, [self])
}

const sqrtOp = operator('aten::sqrt', '')
/** aten::sqrt(Tensor self) -> Tensor */
export function sqrt(self: Tensor): Tensor {
  return callTensor(sqrtOp, [self])
}

const sigmoidOp = operator('aten::sigmoid', '')
/** aten::sigmoid(Tensor self) -> Tensor */
export function sigmoid(self: Tensor): Tensor {
  return callTensor(sigmoidOp, [self])
}

const reluOp = operator('aten::relu', '')
/** aten::relu(Tensor self) -> Tensor */
export function relu(self: Tensor): Tensor {
  return callTensor(reluOp, [self])
}

const tanhOp = operator('aten::tanh', '')
/** aten::tanh(Tensor self) -> Tensor */
export function tanh(self: Tensor): Tensor {
  return callTensor(tanhOp, [self])
}

const geluOp = operator('aten::gelu', '')
/** aten::gelu(Tensor self, *, str approximate="none") -> Tensor */
export function gelu(self: Tensor, { approximate }: { approximate?: string | undefined } = {}): Tensor {
  return callTensor(geluOp, [self, approximate])
}

const clampOp = operator('aten::clamp', '')
/** aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor */
export function clamp(self: Tensor, { min, max }: { min?: number | undefined; max?: number | undefined } = {}): Tensor {
  return callTensor(clampOp, [self, min, max])
}

const powOp = operator('aten::pow', 'Tensor_Scalar')
/** aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor */
export function pow(self: Tensor, exponent: number): Tensor {
  return callTensor(powOp, [self, exponent])
}

const maximumOp = operator('aten::maximum', '')
/** aten::maximum(Tensor self, Tensor other) -> Tensor */
export function maximum(self: Tensor, other: Tensor): Tensor {
  return callTensor(maximumOp, [self, other])
}

const minimumOp = operator('aten::minimum', '')
/** aten::minimum(Tensor self, Tensor other) -> Tensor */
export function minimum(self: Tensor, other: Tensor): Tensor {
  return callTensor(minimumOp, [self, other])
}

const whereOp = operator('aten::where', 'self')
/** aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor */
export function where(condition: Tensor, self: Tensor, other: Tensor): Tensor {
  return callTensor(whereOp, [condition, self, other])
}

const eqScalarOp = operator('aten::eq', 'Scalar')
/** aten::eq.Scalar(Tensor self, Scalar other) -> Tensor */
export function eqScalar(self: Tensor, other: number): Tensor {
  return callTensor(eqScalarOp, [self, other])
}

const neScalarOp = operator('aten::ne', 'Scalar')
/** aten::ne.Scalar(Tensor self, Scalar other) -> Tensor */
export function neScalar(self: Tensor, other: number): Tensor {
  return callTensor(neScalarOp, [self, other])
}

const ltScalarOp = operator('aten::lt', 'Scalar')
/** aten::lt.Scalar(Tensor self, Scalar other) -> Tensor */
export function ltScalar(self: Tensor, other: number): Tensor {
  return callTensor(ltScalarOp, [self, other])
}

const leScalarOp = operator('aten::le', 'Scalar')
/** aten::le.Scalar(Tensor self, Scalar other) -> Tensor */
export function leScalar(self: Tensor, other: number): Tensor {
  return callTensor(leScalarOp, [self, other])
}

const gtScalarOp = operator('aten::gt', 'Scalar')
/** aten::gt.Scalar(Tensor self, Scalar other) -> Tensor */
export function gtScalar(self: Tensor, other: number): Tensor {
  return callTensor(gtScalarOp, [self, other])
}

const geScalarOp = operator('aten::ge', 'Scalar')
/** aten::ge.Scalar(Tensor self, Scalar other) -> Tensor */
export function geScalar(self: Tensor, other: number): Tensor {
  return callTensor(geScalarOp, [self, other])
}

const eqOp = operator('aten::eq', 'Tensor')
/** aten::eq.Tensor(Tensor self, Tensor other) -> Tensor */
export function eq(self: Tensor, other: Tensor): Tensor {
  return callTensor(eqOp, [self, other])
}

const neOp = operator('aten::ne', 'Tensor')
/** aten::ne.Tensor(Tensor self, Tensor other) -> Tensor */
export function ne(self: Tensor, other: Tensor): Tensor {
  return callTensor(neOp, [self, other])
}

const ltOp = operator('aten::lt', 'Tensor')
/** aten::lt.Tensor(Tensor self, Tensor other) -> Tensor */
export function lt(self: Tensor, other: Tensor): Tensor {
  return callTensor(ltOp, [self, other])
}

const leOp = operator('aten::le', 'Tensor')
/** aten::le.Tensor(Tensor self, Tensor other) -> Tensor */
export function le(self: Tensor, other: Tensor): Tensor {
  return callTensor(leOp, [self, other])
}

const gtOp = operator('aten::gt', 'Tensor')
/** aten::gt.Tensor(Tensor self, Tensor other) -> Tensor */
export function gt(self: Tensor, other: Tensor): Tensor {
  return callTensor(gtOp, [self, other])
}

const geOp = operator('aten::ge', 'Tensor')
/** aten::ge.Tensor(Tensor self, Tensor other) -> Tensor */
export function ge(self: Tensor, other: Tensor): Tensor {
  return callTensor(geOp, [self, other])
}

const isfiniteOp = operator('aten::isfinite', '')
/** aten::isfinite(Tensor self) -> Tensor */
export function isfinite(self: Tensor): Tensor {
  return callTensor(isfiniteOp, [self])
}

const logSigmoidOp = operator('aten::log_sigmoid', '')
/** aten::log_sigmoid(Tensor self) -> Tensor */
export function logSigmoid(self: Tensor): Tensor {
  return callTensor(logSigmoidOp, [self])
}

const reciprocalOp = operator('aten::reciprocal', '')
/** aten::reciprocal(Tensor self) -> Tensor */
export function reciprocal(self: Tensor): Tensor {
  return callTensor(reciprocalOp, [self])
}

const rsqrtOp = operator('aten::rsqrt', '')
/** aten::rsqrt(Tensor self) -> Tensor */
export function rsqrt(self: Tensor): Tensor {
  return callTensor(rsqrtOp, [self])
}

const floorOp = operator('aten::floor', '')
/** aten::floor(Tensor self) -> Tensor */
export function floor(self: Tensor): Tensor {
  return callTensor(floorOp, [self])
}

const roundOp = operator('aten::round', '')
/** aten::round(Tensor self) -> Tensor */
export function round(self: Tensor): Tensor {
  return callTensor(roundOp, [self])
}

const addcmulOp = operator('aten::addcmul', '')
/** aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor */
export function addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, { value }: { value?: number | undefined } = {}): Tensor {
  return callTensor(addcmulOp, [self, tensor1, tensor2, value])
}

const lerpOp = operator('aten::lerp', 'Scalar')
/** aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor */
export function lerp(self: Tensor, end: Tensor, weight: number): Tensor {
  return callTensor(lerpOp, [self, end, weight])
}

const maskedFillOp = operator('aten::masked_fill', 'Scalar')
/** aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor */
export function maskedFill(self: Tensor, mask: Tensor, value: number): Tensor {
  return callTensor(maskedFillOp, [self, mask, value])
}

const add_Op = operator('aten::add_', 'Tensor')
/** aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!) */
export function add_(self: Tensor, other: Tensor, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callInto(add_Op, [self, other, alpha], self)
}

const addScalar_Op = operator('aten::add_', 'Scalar')
/** aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!) */
export function addScalar_(self: Tensor, other: number, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callInto(addScalar_Op, [self, other, alpha], self)
}

const mul_Op = operator('aten::mul_', 'Tensor')
/** aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!) */
export function mul_(self: Tensor, other: Tensor): Tensor {
  return callInto(mul_Op, [self, other], self)
}

const mulScalar_Op = operator('aten::mul_', 'Scalar')
/** aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!) */
export function mulScalar_(self: Tensor, other: number): Tensor {
  return callInto(mulScalar_Op, [self, other], self)
}

const sub_Op = operator('aten::sub_', 'Tensor')
/** aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!) */
export function sub_(self: Tensor, other: Tensor, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callInto(sub_Op, [self, other, alpha], self)
}

const div_Op = operator('aten::div_', 'Tensor')
/** aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!) */
export function div_(self: Tensor, other: Tensor): Tensor {
  return callInto(div_Op, [self, other], self)
}

const divScalar_Op = operator('aten::div_', 'Scalar')
/** aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!) */
export function divScalar_(self: Tensor, other: number): Tensor {
  return callInto(divScalar_Op, [self, other], self)
}

const copy_Op = operator('aten::copy_', '')
/** aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!) */
export function copy_(self: Tensor, src: Tensor): Tensor {
  return callInto(copy_Op, [self, src], self)
}

const zero_Op = operator('aten::zero_', '')
/** aten::zero_(Tensor(a!) self) -> Tensor(a!) */
export function zero_(self: Tensor): Tensor {
  return callInto(zero_Op, [self], self)
}

const fill_Op = operator('aten::fill_', 'Scalar')
/** aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!) */
export function fill_(self: Tensor, value: number): Tensor {
  return callInto(fill_Op, [self, value], self)
}

const bernoulli_Op = operator('aten::bernoulli_', 'float')
/** aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!) */
export function bernoulli_(self: Tensor, { p }: { p?: number | undefined } = {}): Tensor {
  return callInto(bernoulli_Op, [self, p], self)
}

const normal_Op = operator('aten::normal_', '')
/** aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!) */
export function normal_(self: Tensor, { mean, std }: { mean?: number | undefined; std?: number | undefined } = {}): Tensor {
  return callInto(normal_Op, [self, mean, std], self)
}

const uniform_Op = operator('aten::uniform_', '')
/** aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!) */
export function uniform_(self: Tensor, { from, to }: { from?: number | undefined; to?: number | undefined } = {}): Tensor {
  return callInto(uniform_Op, [self, from, to], self)
}

const clamp_Op = operator('aten::clamp_', '')
/** aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!) */
export function clamp_(self: Tensor, { min, max }: { min?: number | undefined; max?: number | undefined } = {}): Tensor {
  return callInto(clamp_Op, [self, min, max], self)
}

const relu_Op = operator('aten::relu_', '')
/** aten::relu_(Tensor(a!) self) -> Tensor(a!) */
export function relu_(self: Tensor): Tensor {
  return callInto(relu_Op, [self], self)
}

const sqrt_Op = operator('aten::sqrt_', '')
/** aten::sqrt_(Tensor(a!) self) -> Tensor(a!) */
export function sqrt_(self: Tensor): Tensor {
  return callInto(sqrt_Op, [self], self)
}

const addcmul_Op = operator('aten::addcmul_', '')
/** aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!) */
export function addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, { value }: { value?: number | undefined } = {}): Tensor {
  return callInto(addcmul_Op, [self, tensor1, tensor2, value], self)
}

const maskedFill_Op = operator('aten::masked_fill_', 'Scalar')
/** aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!) */
export function maskedFill_(self: Tensor, mask: Tensor, value: number): Tensor {
  return callInto(maskedFill_Op, [self, mask, value], self)
}

const erfinv_Op = operator('aten::erfinv_', '')
/** aten::erfinv_(Tensor(a!) self) -> Tensor(a!) */
export function erfinv_(self: Tensor): Tensor {
  return callInto(erfinv_Op, [self], self)
}

const exp_Op = operator('aten::exp_', '')
/** aten::exp_(Tensor(a!) self) -> Tensor(a!) */
export function exp_(self: Tensor): Tensor {
  return callInto(exp_Op, [self], self)
}

const sign_Op = operator('aten::sign_', '')
/** aten::sign_(Tensor(a!) self) -> Tensor(a!) */
export function sign_(self: Tensor): Tensor {
  return callInto(sign_Op, [self], self)
}

const elu_Op = operator('aten::elu_', '')
/** aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!) */
export function elu_(self: Tensor, { alpha, scale, inputScale }: { alpha?: number | undefined; scale?: number | undefined; inputScale?: number | undefined } = {}): Tensor {
  return callInto(elu_Op, [self, alpha, scale, inputScale], self)
}

const mmOutOp = operator('aten::mm', 'out')
/** aten::mm.out(Tensor self, Tensor mat2, *, Tensor(a!) out) -> Tensor(a!) */
export function mmOut(self: Tensor, mat2: Tensor, out: Tensor): Tensor {
  return callInto(mmOutOp, [self, mat2, out], out)
}

const bmmOutOp = operator('aten::bmm', 'out')
/** aten::bmm.out(Tensor self, Tensor mat2, *, Tensor(a!) out) -> Tensor(a!) */
export function bmmOut(self: Tensor, mat2: Tensor, out: Tensor): Tensor {
  return callInto(bmmOutOp, [self, mat2, out], out)
}

const addmmOutOp = operator('aten::addmm', 'out')
/** aten::addmm.out(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1, Tensor(a!) out) -> Tensor(a!) */
export function addmmOut(self: Tensor, mat1: Tensor, mat2: Tensor, out: Tensor, { beta, alpha }: { beta?: number | undefined; alpha?: number | undefined } = {}): Tensor {
  return callInto(addmmOutOp, [self, mat1, mat2, beta, alpha, out], out)
}

const softmaxOutOp = operator('aten::_softmax', 'out')
/** aten::_softmax.out(Tensor self, int dim, bool half_to_float, *, Tensor(a!) out) -> Tensor(a!) */
export function softmaxOut(self: Tensor, dim: number, halfToFloat: boolean, out: Tensor): Tensor {
  return callInto(softmaxOutOp, [self, dim, halfToFloat, out], out)
}

const geluOutOp = operator('aten::gelu', 'out')
/** aten::gelu.out(Tensor self, *, str approximate="none", Tensor(a!) out) -> Tensor(a!) */
export function geluOut(self: Tensor, out: Tensor, { approximate }: { approximate?: string | undefined } = {}): Tensor {
  return callInto(geluOutOp, [self, approximate, out], out)
}

const mulOutOp = operator('aten::mul', 'out')
/** aten::mul.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!) */
export function mulOut(self: Tensor, other: Tensor, out: Tensor): Tensor {
  return callInto(mulOutOp, [self, other, out], out)
}

const maximumOutOp = operator('aten::maximum', 'out')
/** aten::maximum.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!) */
export function maximumOut(self: Tensor, other: Tensor, out: Tensor): Tensor {
  return callInto(maximumOutOp, [self, other, out], out)
}

const subOutOp = operator('aten::sub', 'out')
/** aten::sub.out(Tensor self, Tensor other, *, Scalar alpha=1, Tensor(a!) out) -> Tensor(a!) */
export function subOut(self: Tensor, other: Tensor, out: Tensor, { alpha }: { alpha?: number | undefined } = {}): Tensor {
  return callInto(subOutOp, [self, other, alpha, out], out)
}

const sumOutOp = operator('aten::sum', 'IntList_out')
/** aten::sum.IntList_out(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!) */
export function sumOut(self: Tensor, dim: readonly number[] | undefined, out: Tensor, { keepdim, dtype }: { keepdim?: boolean | undefined; dtype?: DType | undefined } = {}): Tensor {
  return callInto(sumOutOp, [self, dim, keepdim, scalarType(dtype), out], out)
}

const reshapeOp = operator('aten::reshape', '')
/** aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a) */
export function reshape(self: Tensor, shape: readonly number[]): Tensor {
  return callTensor(reshapeOp, [self, shape])
}

const viewOp = operator('aten::view', '')
/** aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a) */
export function view(self: Tensor, size: readonly number[]): Tensor {
  return callTensor(viewOp, [self, size])
}

const permuteOp = operator('aten::permute', '')
/** aten::permute(Tensor(a) self, int[] dims) -> Tensor(a) */
export function permute(self: Tensor, dims: readonly number[]): Tensor {
  return callTensor(permuteOp, [self, dims])
}

const transposeOp = operator('aten::transpose', 'int')
/** aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a) */
export function transpose(self: Tensor, dim0: number, dim1: number): Tensor {
  return callTensor(transposeOp, [self, dim0, dim1])
}

const contiguousOp = operator('aten::contiguous', '')
/** aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a) */
export function contiguous(self: Tensor): Tensor {
  return callTensor(contiguousOp, [self])
}

const unsqueezeOp = operator('aten::unsqueeze', '')
/** aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a) */
export function unsqueeze(self: Tensor, dim: number): Tensor {
  return callTensor(unsqueezeOp, [self, dim])
}

const squeezeOp = operator('aten::squeeze', 'dim')
/** aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a) */
export function squeeze(self: Tensor, dim: number): Tensor {
  return callTensor(squeezeOp, [self, dim])
}

const expandOp = operator('aten::expand', '')
/** aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a) */
export function expand(self: Tensor, size: readonly number[], { implicit }: { implicit?: boolean | undefined } = {}): Tensor {
  return callTensor(expandOp, [self, size, implicit])
}

const flattenOp = operator('aten::flatten', 'using_ints')
/** aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a) */
export function flatten(self: Tensor, { startDim, endDim }: { startDim?: number | undefined; endDim?: number | undefined } = {}): Tensor {
  return callTensor(flattenOp, [self, startDim, endDim])
}

const catOp = operator('aten::cat', '')
/** aten::cat(Tensor[] tensors, int dim=0) -> Tensor */
export function cat(tensors: readonly Tensor[], { dim }: { dim?: number | undefined } = {}): Tensor {
  return callTensor(catOp, [tensors, dim])
}

const stackOp = operator('aten::stack', '')
/** aten::stack(Tensor[] tensors, int dim=0) -> Tensor */
export function stack(tensors: readonly Tensor[], { dim }: { dim?: number | undefined } = {}): Tensor {
  return callTensor(stackOp, [tensors, dim])
}

const splitOp = operator('aten::split', 'Tensor')
/** aten::split.Tensor(Tensor(a -> *) self, int split_size, int dim=0) -> Tensor(a)[] */
export function split(self: Tensor, splitSize: number, { dim }: { dim?: number | undefined } = {}): Tensor[] {
  return callTensors(splitOp, [self, splitSize, dim])
}

const chunkOp = operator('aten::chunk', '')
/** aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[] */
export function chunk(self: Tensor, chunks: number, { dim }: { dim?: number | undefined } = {}): Tensor[] {
  return callTensors(chunkOp, [self, chunks, dim])
}

const narrowOp = operator('aten::narrow', '')
/** aten::narrow(Tensor(a) self, int dim, int start, int length) -> Tensor(a) */
export function narrow(self: Tensor, dim: number, start: number, length: number): Tensor {
  return callTensor(narrowOp, [self, dim, start, length])
}

const sliceOp = operator('aten::slice', 'Tensor')
/** aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a) */
export function slice(self: Tensor, { dim, start, end, step }: { dim?: number | undefined; start?: number | undefined; end?: number | undefined; step?: number | undefined } = {}): Tensor {
  return callTensor(sliceOp, [self, dim, start, end, step])
}

const selectOp = operator('aten::select', 'int')
/** aten::select.int(Tensor(a) self, int dim, int index) -> Tensor(a) */
export function select(self: Tensor, dim: number, index: number): Tensor {
  return callTensor(selectOp, [self, dim, index])
}

const flipOp = operator('aten::flip', '')
/** aten::flip(Tensor self, int[] dims) -> Tensor */
export function flip(self: Tensor, dims: readonly number[]): Tensor {
  return callTensor(flipOp, [self, dims])
}

const repeatOp = operator('aten::repeat', '')
/** aten::repeat(Tensor self, SymInt[] repeats) -> Tensor */
export function repeat(self: Tensor, repeats: readonly number[]): Tensor {
  return callTensor(repeatOp, [self, repeats])
}

const repeatInterleaveOp = operator('aten::repeat_interleave', 'self_int')
/** aten::repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor */
export function repeatInterleave(self: Tensor, repeats: number, { dim, outputSize }: { dim?: number | undefined; outputSize?: number | undefined } = {}): Tensor {
  return callTensor(repeatInterleaveOp, [self, repeats, dim, outputSize])
}

const unbindOp = operator('aten::unbind', 'int')
/** aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[] */
export function unbind(self: Tensor, { dim }: { dim?: number | undefined } = {}): Tensor[] {
  return callTensors(unbindOp, [self, dim])
}

const indexSelectOp = operator('aten::index_select', '')
/** aten::index_select(Tensor self, int dim, Tensor index) -> Tensor */
export function indexSelect(self: Tensor, dim: number, index: Tensor): Tensor {
  return callTensor(indexSelectOp, [self, dim, index])
}

const indexOp = operator('aten::index', 'Tensor')
/** aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor */
export function index(self: Tensor, indices: readonly (Tensor | undefined)[]): Tensor {
  return callTensor(indexOp, [self, indices])
}

const gatherOp = operator('aten::gather', '')
/** aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor */
export function gather(self: Tensor, dim: number, index: Tensor, { sparseGrad }: { sparseGrad?: boolean | undefined } = {}): Tensor {
  return callTensor(gatherOp, [self, dim, index, sparseGrad])
}

const cloneOp = operator('aten::clone', '')
/** aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor */
export function clone(self: Tensor): Tensor {
  return callTensor(cloneOp, [self])
}

const detachOp = operator('aten::detach', '')
/** aten::detach(Tensor(a) self) -> Tensor(a) */
export function detach(self: Tensor): Tensor {
  return callTensor(detachOp, [self])
}

const tOp = operator('aten::t', '')
/** aten::t(Tensor(a) self) -> Tensor(a) */
export function t(self: Tensor): Tensor {
  return callTensor(tOp, [self])
}

const diagonalOp = operator('aten::diagonal', '')
/** aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a) */
export function diagonal(self: Tensor, { offset, dim1, dim2 }: { offset?: number | undefined; dim1?: number | undefined; dim2?: number | undefined } = {}): Tensor {
  return callTensor(diagonalOp, [self, offset, dim1, dim2])
}

const rollOp = operator('aten::roll', '')
/** aten::roll(Tensor self, int[1] shifts, int[1] dims=[]) -> Tensor */
export function roll(self: Tensor, shifts: readonly number[], { dims }: { dims?: readonly number[] | undefined } = {}): Tensor {
  return callTensor(rollOp, [self, shifts, dims])
}

const constantPadNdOp = operator('aten::constant_pad_nd', '')
/** aten::constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor */
export function constantPadNd(self: Tensor, pad: readonly number[], { value }: { value?: number | undefined } = {}): Tensor {
  return callTensor(constantPadNdOp, [self, pad, value])
}

const trilOp = operator('aten::tril', '')
/** aten::tril(Tensor self, int diagonal=0) -> Tensor */
export function tril(self: Tensor, { diagonal }: { diagonal?: number | undefined } = {}): Tensor {
  return callTensor(trilOp, [self, diagonal])
}

const triuOp = operator('aten::triu', '')
/** aten::triu(Tensor self, int diagonal=0) -> Tensor */
export function triu(self: Tensor, { diagonal }: { diagonal?: number | undefined } = {}): Tensor {
  return callTensor(triuOp, [self, diagonal])
}

const sumOp = operator('aten::sum', '')
/** aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor */
export function sum(self: Tensor, { dtype }: { dtype?: DType | undefined } = {}): Tensor {
  return callTensor(sumOp, [self, scalarType(dtype)])
}

const sumDimOp = operator('aten::sum', 'dim_IntList')
/** aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor */
export function sumDim(self: Tensor, dim: readonly number[] | undefined, { keepdim, dtype }: { keepdim?: boolean | undefined; dtype?: DType | undefined } = {}): Tensor {
  return callTensor(sumDimOp, [self, dim, keepdim, scalarType(dtype)])
}

const meanOp = operator('aten::mean', '')
/** aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor */
export function mean(self: Tensor, { dtype }: { dtype?: DType | undefined } = {}): Tensor {
  return callTensor(meanOp, [self, scalarType(dtype)])
}

const meanDimOp = operator('aten::mean', 'dim')
/** aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor */
export function meanDim(self: Tensor, dim: readonly number[] | undefined, { keepdim, dtype }: { keepdim?: boolean | undefined; dtype?: DType | undefined } = {}): Tensor {
  return callTensor(meanDimOp, [self, dim, keepdim, scalarType(dtype)])
}

const maxOp = operator('aten::max', '')
/** aten::max(Tensor self) -> Tensor */
export function max(self: Tensor): Tensor {
  return callTensor(maxOp, [self])
}

const maxDimOp = operator('aten::max', 'dim')
/** aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices) */
export function maxDim(self: Tensor, dim: number, { keepdim }: { keepdim?: boolean | undefined } = {}): [Tensor, Tensor] {
  return callTensors(maxDimOp, [self, dim, keepdim]) as [Tensor, Tensor]
}

const minOp = operator('aten::min', '')
/** aten::min(Tensor self) -> Tensor */
export function min(self: Tensor): Tensor {
  return callTensor(minOp, [self])
}

const minDimOp = operator('aten::min', 'dim')
/** aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices) */
export function minDim(self: Tensor, dim: number, { keepdim }: { keepdim?: boolean | undefined } = {}): [Tensor, Tensor] {
  return callTensors(minDimOp, [self, dim, keepdim]) as [Tensor, Tensor]
}

const amaxOp = operator('aten::amax', '')
/** aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor */
export function amax(self: Tensor, { dim, keepdim }: { dim?: readonly number[] | undefined; keepdim?: boolean | undefined } = {}): Tensor {
  return callTensor(amaxOp, [self, dim, keepdim])
}

const aminOp = operator('aten::amin', '')
/** aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor */
export function amin(self: Tensor, { dim, keepdim }: { dim?: readonly number[] | undefined; keepdim?: boolean | undefined } = {}): Tensor {
  return callTensor(aminOp, [self, dim, keepdim])
}

const argmaxOp = operator('aten::argmax', '')
/** aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor */
export function argmax(self: Tensor, { dim, keepdim }: { dim?: number | undefined; keepdim?: boolean | undefined } = {}): Tensor {
  return callTensor(argmaxOp, [self, dim, keepdim])
}

const allOp = operator('aten::all', '')
/** aten::all(Tensor self) -> Tensor */
export function all(self: Tensor): Tensor {
  return callTensor(allOp, [self])
}

const anyOp = operator('aten::any', '')
/** aten::any(Tensor self) -> Tensor */
export function any(self: Tensor): Tensor {
  return callTensor(anyOp, [self])
}

const normOp = operator('aten::norm', 'Scalar')
/** aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor */
export function norm(self: Tensor, { p }: { p?: number | undefined } = {}): Tensor {
  return callTensor(normOp, [self, p])
}

const linalgVectorNormOp = operator('aten::linalg_vector_norm', '')
/** aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor */
export function linalgVectorNorm(self: Tensor, { ord, dim, keepdim, dtype }: { ord?: number | undefined; dim?: readonly number[] | undefined; keepdim?: boolean | undefined; dtype?: DType | undefined } = {}): Tensor {
  return callTensor(linalgVectorNormOp, [self, ord, dim, keepdim, scalarType(dtype)])
}

const softmaxOp = operator('aten::softmax', 'int')
/** aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor */
export function softmax(self: Tensor, dim: number, { dtype }: { dtype?: DType | undefined } = {}): Tensor {
  return callTensor(softmaxOp, [self, dim, scalarType(dtype)])
}

const logSoftmaxOp = operator('aten::log_softmax', 'int')
/** aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor */
export function logSoftmax(self: Tensor, dim: number, { dtype }: { dtype?: DType | undefined } = {}): Tensor {
  return callTensor(logSoftmaxOp, [self, dim, scalarType(dtype)])
}

const logsumexpOp = operator('aten::logsumexp', '')
/** aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor */
export function logsumexp(self: Tensor, dim: readonly number[], { keepdim }: { keepdim?: boolean | undefined } = {}): Tensor {
  return callTensor(logsumexpOp, [self, dim, keepdim])
}

const sortOp = operator('aten::sort', '')
/** aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices) */
export function sort(self: Tensor, { dim, descending }: { dim?: number | undefined; descending?: boolean | undefined } = {}): [Tensor, Tensor] {
  return callTensors(sortOp, [self, dim, descending]) as [Tensor, Tensor]
}

const sortStableOp = operator('aten::sort', 'stable')
/** aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices) */
export function sortStable(self: Tensor, stable: boolean | undefined, { dim, descending }: { dim?: number | undefined; descending?: boolean | undefined } = {}): [Tensor, Tensor] {
  return callTensors(sortStableOp, [self, stable, dim, descending]) as [Tensor, Tensor]
}

const topkOp = operator('aten::topk', '')
/** aten::topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices) */
export function topk(self: Tensor, k: number, { dim, largest, sorted }: { dim?: number | undefined; largest?: boolean | undefined; sorted?: boolean | undefined } = {}): [Tensor, Tensor] {
  return callTensors(topkOp, [self, k, dim, largest, sorted]) as [Tensor, Tensor]
}

const cumsumOp = operator('aten::cumsum', '')
/** aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor */
export function cumsum(self: Tensor, dim: number, { dtype }: { dtype?: DType | undefined } = {}): Tensor {
  return callTensor(cumsumOp, [self, dim, scalarType(dtype)])
}

const argsortOp = operator('aten::argsort', '')
/** aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor */
export function argsort(self: Tensor, { dim, descending }: { dim?: number | undefined; descending?: boolean | undefined } = {}): Tensor {
  return callTensor(argsortOp, [self, dim, descending])
}

const bincountOp = operator('aten::bincount', '')
/** aten::bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor */
export function bincount(self: Tensor, { weights, minlength }: { weights?: Tensor | undefined; minlength?: number | undefined } = {}): Tensor {
  return callTensor(bincountOp, [self, weights, minlength])
}

const varCorrectionOp = operator('aten::var', 'correction')
/** aten::var.correction(Tensor self, int[1]? dim, *, int? correction, bool keepdim=False) -> Tensor */
export function varCorrection(self: Tensor, dim: readonly number[] | undefined, correction: number | undefined, { keepdim }: { keepdim?: boolean | undefined } = {}): Tensor {
  return callTensor(varCorrectionOp, [self, dim, correction, keepdim])
}

const matmulOp = operator('aten::matmul', '')
/** aten::matmul(Tensor self, Tensor other) -> Tensor */
export function matmul(self: Tensor, other: Tensor): Tensor {
  return callTensor(matmulOp, [self, other])
}

const mmOp = operator('aten::mm', '')
/** aten::mm(Tensor self, Tensor mat2) -> Tensor */
export function mm(self: Tensor, mat2: Tensor): Tensor {
  return callTensor(mmOp, [self, mat2])
}

const bmmOp = operator('aten::bmm', '')
/** aten::bmm(Tensor self, Tensor mat2) -> Tensor */
export function bmm(self: Tensor, mat2: Tensor): Tensor {
  return callTensor(bmmOp, [self, mat2])
}

const addmmOp = operator('aten::addmm', '')
/** aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor */
export function addmm(self: Tensor, mat1: Tensor, mat2: Tensor, { beta, alpha }: { beta?: number | undefined; alpha?: number | undefined } = {}): Tensor {
  return callTensor(addmmOp, [self, mat1, mat2, beta, alpha])
}

const linearOp = operator('aten::linear', '')
/** aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor */
export function linear(input: Tensor, weight: Tensor, { bias }: { bias?: Tensor | undefined } = {}): Tensor {
  return callTensor(linearOp, [input, weight, bias])
}

const baddbmmOp = operator('aten::baddbmm', '')
/** aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor */
export function baddbmm(self: Tensor, batch1: Tensor, batch2: Tensor, { beta, alpha }: { beta?: number | undefined; alpha?: number | undefined } = {}): Tensor {
  return callTensor(baddbmmOp, [self, batch1, batch2, beta, alpha])
}

const addmvOp = operator('aten::addmv', '')
/** aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor */
export function addmv(self: Tensor, mat: Tensor, vec: Tensor, { beta, alpha }: { beta?: number | undefined; alpha?: number | undefined } = {}): Tensor {
  return callTensor(addmvOp, [self, mat, vec, beta, alpha])
}

const mvOp = operator('aten::mv', '')
/** aten::mv(Tensor self, Tensor vec) -> Tensor */
export function mv(self: Tensor, vec: Tensor): Tensor {
  return callTensor(mvOp, [self, vec])
}

const dotOp = operator('aten::dot', '')
/** aten::dot(Tensor self, Tensor tensor) -> Tensor */
export function dot(self: Tensor, tensor: Tensor): Tensor {
  return callTensor(dotOp, [self, tensor])
}

const outerOp = operator('aten::outer', '')
/** aten::outer(Tensor self, Tensor vec2) -> Tensor */
export function outer(self: Tensor, vec2: Tensor): Tensor {
  return callTensor(outerOp, [self, vec2])
}

const addrOp = operator('aten::addr', '')
/** aten::addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor */
export function addr(self: Tensor, vec1: Tensor, vec2: Tensor, { beta, alpha }: { beta?: number | undefined; alpha?: number | undefined } = {}): Tensor {
  return callTensor(addrOp, [self, vec1, vec2, beta, alpha])
}

const conv2dOp = operator('aten::conv2d', '')
/** aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor */
export function conv2d(input: Tensor, weight: Tensor, { bias, stride, padding, dilation, groups }: { bias?: Tensor | undefined; stride?: readonly number[] | undefined; padding?: readonly number[] | undefined; dilation?: readonly number[] | undefined; groups?: number | undefined } = {}): Tensor {
  return callTensor(conv2dOp, [input, weight, bias, stride, padding, dilation, groups])
}

const layerNormOp = operator('aten::layer_norm', '')
/** aten::layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor */
export function layerNorm(input: Tensor, normalizedShape: readonly number[], { weight, bias, eps }: { weight?: Tensor | undefined; bias?: Tensor | undefined; eps?: number | undefined } = {}): Tensor {
  return callTensor(layerNormOp, [input, normalizedShape, weight, bias, eps])
}

const nativeLayerNormOp = operator('aten::native_layer_norm', '')
/** aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor) */
export function nativeLayerNorm(input: Tensor, normalizedShape: readonly number[], weight: Tensor | undefined, bias: Tensor | undefined, eps: number): [Tensor, Tensor, Tensor] {
  return callTensors(nativeLayerNormOp, [input, normalizedShape, weight, bias, eps]) as [Tensor, Tensor, Tensor]
}

const batchNormOp = operator('aten::batch_norm', '')
/** aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor */
export function batchNorm(input: Tensor, weight: Tensor | undefined, bias: Tensor | undefined, runningMean: Tensor | undefined, runningVar: Tensor | undefined, training: boolean, momentum: number, eps: number, cudnnEnabled: boolean): Tensor {
  return callTensor(batchNormOp, [input, weight, bias, runningMean, runningVar, training, momentum, eps, cudnnEnabled])
}

const batchNormUpdateStatsOp = operator('aten::batch_norm_update_stats', '')
/** aten::batch_norm_update_stats(Tensor input, Tensor? running_mean, Tensor? running_var, float momentum) -> (Tensor, Tensor) */
export function batchNormUpdateStats(input: Tensor, runningMean: Tensor | undefined, runningVar: Tensor | undefined, momentum: number): [Tensor, Tensor] {
  return callTensors(batchNormUpdateStatsOp, [input, runningMean, runningVar, momentum]) as [Tensor, Tensor]
}

const nativeBatchNormOp = operator('aten::native_batch_norm', '')
/** aten::native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor) */
export function nativeBatchNorm(input: Tensor, weight: Tensor | undefined, bias: Tensor | undefined, runningMean: Tensor | undefined, runningVar: Tensor | undefined, training: boolean, momentum: number, eps: number): [Tensor, Tensor, Tensor] {
  return callTensors(nativeBatchNormOp, [input, weight, bias, runningMean, runningVar, training, momentum, eps]) as [Tensor, Tensor, Tensor]
}

const dropoutOp = operator('aten::dropout', '')
/** aten::dropout(Tensor input, float p, bool train) -> Tensor */
export function dropout(input: Tensor, p: number, train: boolean): Tensor {
  return callTensor(dropoutOp, [input, p, train])
}

const nativeDropoutOp = operator('aten::native_dropout', '')
/** aten::native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor) */
export function nativeDropout(input: Tensor, p: number, train: boolean | undefined): [Tensor, Tensor] {
  return callTensors(nativeDropoutOp, [input, p, train]) as [Tensor, Tensor]
}

const maxPool2dOp = operator('aten::max_pool2d', '')
/** aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor */
export function maxPool2d(self: Tensor, kernelSize: readonly number[], { stride, padding, dilation, ceilMode }: { stride?: readonly number[] | undefined; padding?: readonly number[] | undefined; dilation?: readonly number[] | undefined; ceilMode?: boolean | undefined } = {}): Tensor {
  return callTensor(maxPool2dOp, [self, kernelSize, stride, padding, dilation, ceilMode])
}

const avgPool2dOp = operator('aten::avg_pool2d', '')
/** aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor */
export function avgPool2d(self: Tensor, kernelSize: readonly number[], { stride, padding, ceilMode, countIncludePad, divisorOverride }: { stride?: readonly number[] | undefined; padding?: readonly number[] | undefined; ceilMode?: boolean | undefined; countIncludePad?: boolean | undefined; divisorOverride?: number | undefined } = {}): Tensor {
  return callTensor(avgPool2dOp, [self, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride])
}

const adaptiveAvgPool2dOp = operator('aten::adaptive_avg_pool2d', '')
/** aten::adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor */
export function adaptiveAvgPool2d(self: Tensor, outputSize: readonly number[]): Tensor {
  return callTensor(adaptiveAvgPool2dOp, [self, outputSize])
}

const upsampleBilinear2dOp = operator('aten::upsample_bilinear2d', '')
/** aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor */
export function upsampleBilinear2d(self: Tensor, outputSize: readonly number[], alignCorners: boolean, { scalesH, scalesW }: { scalesH?: number | undefined; scalesW?: number | undefined } = {}): Tensor {
  return callTensor(upsampleBilinear2dOp, [self, outputSize, alignCorners, scalesH, scalesW])
}

const upsampleBicubic2dOp = operator('aten::upsample_bicubic2d', '')
/** aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor */
export function upsampleBicubic2d(self: Tensor, outputSize: readonly number[], alignCorners: boolean, { scalesH, scalesW }: { scalesH?: number | undefined; scalesW?: number | undefined } = {}): Tensor {
  return callTensor(upsampleBicubic2dOp, [self, outputSize, alignCorners, scalesH, scalesW])
}

const upsampleNearest2dOp = operator('aten::upsample_nearest2d', '')
/** aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor */
export function upsampleNearest2d(self: Tensor, outputSize: readonly number[], { scalesH, scalesW }: { scalesH?: number | undefined; scalesW?: number | undefined } = {}): Tensor {
  return callTensor(upsampleNearest2dOp, [self, outputSize, scalesH, scalesW])
}

const embeddingOp = operator('aten::embedding', '')
/** aten::embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor */
export function embedding(weight: Tensor, indices: Tensor, { paddingIdx, scaleGradByFreq, sparse }: { paddingIdx?: number | undefined; scaleGradByFreq?: boolean | undefined; sparse?: boolean | undefined } = {}): Tensor {
  return callTensor(embeddingOp, [weight, indices, paddingIdx, scaleGradByFreq, sparse])
}

const im2colOp = operator('aten::im2col', '')
/** aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor */
export function im2col(self: Tensor, kernelSize: readonly number[], dilation: readonly number[], padding: readonly number[], stride: readonly number[]): Tensor {
  return callTensor(im2colOp, [self, kernelSize, dilation, padding, stride])
}

const groupNormOp = operator('aten::group_norm', '')
/** aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor */
export function groupNorm(input: Tensor, numGroups: number, { weight, bias, eps, cudnnEnabled }: { weight?: Tensor | undefined; bias?: Tensor | undefined; eps?: number | undefined; cudnnEnabled?: boolean | undefined } = {}): Tensor {
  return callTensor(groupNormOp, [input, numGroups, weight, bias, eps, cudnnEnabled])
}

const crossEntropyLossOp = operator('aten::cross_entropy_loss', '')
/** aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, float label_smoothing=0.) -> Tensor */
export function crossEntropyLoss(self: Tensor, target: Tensor, { weight, reduction, ignoreIndex, labelSmoothing }: { weight?: Tensor | undefined; reduction?: number | undefined; ignoreIndex?: number | undefined; labelSmoothing?: number | undefined } = {}): Tensor {
  return callTensor(crossEntropyLossOp, [self, target, weight, reduction, ignoreIndex, labelSmoothing])
}

const nllLossOp = operator('aten::nll_loss', '')
/** aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor */
export function nllLoss(self: Tensor, target: Tensor, { weight, reduction, ignoreIndex }: { weight?: Tensor | undefined; reduction?: number | undefined; ignoreIndex?: number | undefined } = {}): Tensor {
  return callTensor(nllLossOp, [self, target, weight, reduction, ignoreIndex])
}

const binaryCrossEntropyWithLogitsOp = operator('aten::binary_cross_entropy_with_logits', '')
/** aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor */
export function binaryCrossEntropyWithLogits(self: Tensor, target: Tensor, { weight, posWeight, reduction }: { weight?: Tensor | undefined; posWeight?: Tensor | undefined; reduction?: number | undefined } = {}): Tensor {
  return callTensor(binaryCrossEntropyWithLogitsOp, [self, target, weight, posWeight, reduction])
}

const convolutionBackwardOp = operator('aten::convolution_backward', '')
/** aten::convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor) */
export function convolutionBackward(gradOutput: Tensor, input: Tensor, weight: Tensor, biasSizes: readonly number[] | undefined, stride: readonly number[], padding: readonly number[], dilation: readonly number[], transposed: boolean, outputPadding: readonly number[], groups: number, outputMask: readonly boolean[]): [Tensor, Tensor, Tensor] {
  return callTensors(convolutionBackwardOp, [gradOutput, input, weight, biasSizes, stride, padding, dilation, transposed, outputPadding, groups, outputMask]) as [Tensor, Tensor, Tensor]
}

const adamw_Op = operator('tagmask::adamw_', '')
/** tagmask::adamw_(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] means, Tensor(c!)[] squares, float lr, float beta1, float beta2, float eps, float weight_decay, int t) -> () */
export function adamw_(parameters: readonly Tensor[], gradients: readonly Tensor[], means: readonly Tensor[], squares: readonly Tensor[], lr: number, beta1: number, beta2: number, eps: number, weightDecay: number, t: number): void {
  callNothing(adamw_Op, [parameters, gradients, means, squares, lr, beta1, beta2, eps, weightDecay, t])
}

const attentionOp = operator('tagmask::attention', '')
/** tagmask::attention(Tensor q, Tensor k, Tensor v, int heads, int mean_rows) -> (Tensor, Tensor) */
export function attention(q: Tensor, k: Tensor, v: Tensor, heads: number, meanRows: number): [Tensor, Tensor] {
  return callTensors(attentionOp, [q, k, v, heads, meanRows]) as [Tensor, Tensor]
}

const attentionBackwardOp = operator('tagmask::attention_backward', '')
/** tagmask::attention_backward(Tensor d_tokens, Tensor? d_mean, Tensor q, Tensor k, Tensor v, int heads, Tensor(a!) dq, Tensor(b!) dk, Tensor(c!) dv) -> () */
export function attentionBackward(dTokens: Tensor, dMean: Tensor | undefined, q: Tensor, k: Tensor, v: Tensor, heads: number, dq: Tensor, dk: Tensor, dv: Tensor): void {
  callNothing(attentionBackwardOp, [dTokens, dMean, q, k, v, heads, dq, dk, dv])
}

const segmentationLossOp = operator('tagmask::segmentation_loss', '')
/** tagmask::segmentation_loss(Tensor logits, Tensor labels, Tensor? candidates, Tensor? weights) -> (Tensor, Tensor) */
export function segmentationLoss(logits: Tensor, labels: Tensor, candidates: Tensor | undefined, weights: Tensor | undefined): [Tensor, Tensor] {
  return callTensors(segmentationLossOp, [logits, labels, candidates, weights]) as [Tensor, Tensor]
}

const geluBackwardOp = operator('aten::gelu_backward', '')
/** aten::gelu_backward(Tensor grad_output, Tensor self, *, str approximate="none") -> Tensor */
export function geluBackward(gradOutput: Tensor, self: Tensor, { approximate }: { approximate?: string | undefined } = {}): Tensor {
  return callTensor(geluBackwardOp, [gradOutput, self, approximate])
}

const softmaxBackwardDataOp = operator('aten::_softmax_backward_data', '')
/** aten::_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor */
export function softmaxBackwardData(gradOutput: Tensor, output: Tensor, dim: number, inputDtype: DType): Tensor {
  return callTensor(softmaxBackwardDataOp, [gradOutput, output, dim, scalarType(inputDtype)])
}

const nativeLayerNormBackwardOp = operator('aten::native_layer_norm_backward', '')
/** aten::native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor) */
export function nativeLayerNormBackward(gradOut: Tensor, input: Tensor, normalizedShape: readonly number[], mean: Tensor, rstd: Tensor, weight: Tensor | undefined, bias: Tensor | undefined, outputMask: readonly boolean[]): [Tensor, Tensor, Tensor] {
  return callTensors(nativeLayerNormBackwardOp, [gradOut, input, normalizedShape, mean, rstd, weight, bias, outputMask]) as [Tensor, Tensor, Tensor]
}

const thresholdBackwardOp = operator('aten::threshold_backward', '')
/** aten::threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor */
export function thresholdBackward(gradOutput: Tensor, self: Tensor, threshold: number): Tensor {
  return callTensor(thresholdBackwardOp, [gradOutput, self, threshold])
}

const foreachAddScalar_Op = operator('aten::_foreach_add_', 'Scalar')
/** aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> () */
export function foreachAddScalar_(self: readonly Tensor[], scalar: number): void {
  callNothing(foreachAddScalar_Op, [self, scalar])
}

const foreachAdd_Op = operator('aten::_foreach_add_', 'List')
/** aten::_foreach_add_.List(Tensor(a!)[] self, Tensor[] other, *, Scalar alpha=1) -> () */
export function foreachAdd_(self: readonly Tensor[], other: readonly Tensor[], { alpha }: { alpha?: number | undefined } = {}): void {
  callNothing(foreachAdd_Op, [self, other, alpha])
}

const foreachMulScalar_Op = operator('aten::_foreach_mul_', 'Scalar')
/** aten::_foreach_mul_.Scalar(Tensor(a!)[] self, Scalar scalar) -> () */
export function foreachMulScalar_(self: readonly Tensor[], scalar: number): void {
  callNothing(foreachMulScalar_Op, [self, scalar])
}

const foreachMul_Op = operator('aten::_foreach_mul_', 'List')
/** aten::_foreach_mul_.List(Tensor(a!)[] self, Tensor[] other) -> () */
export function foreachMul_(self: readonly Tensor[], other: readonly Tensor[]): void {
  callNothing(foreachMul_Op, [self, other])
}

const foreachAddcmul_Op = operator('aten::_foreach_addcmul_', 'Scalar')
/** aten::_foreach_addcmul_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> () */
export function foreachAddcmul_(self: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], { value }: { value?: number | undefined } = {}): void {
  callNothing(foreachAddcmul_Op, [self, tensor1, tensor2, value])
}

const foreachAddcdiv_Op = operator('aten::_foreach_addcdiv_', 'Scalar')
/** aten::_foreach_addcdiv_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> () */
export function foreachAddcdiv_(self: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], { value }: { value?: number | undefined } = {}): void {
  callNothing(foreachAddcdiv_Op, [self, tensor1, tensor2, value])
}

const foreachSqrtOp = operator('aten::_foreach_sqrt', '')
/** aten::_foreach_sqrt(Tensor[] self) -> Tensor[] */
export function foreachSqrt(self: readonly Tensor[]): Tensor[] {
  return callTensors(foreachSqrtOp, [self])
}

const foreachDivScalar_Op = operator('aten::_foreach_div_', 'Scalar')
/** aten::_foreach_div_.Scalar(Tensor(a!)[] self, Scalar scalar) -> () */
export function foreachDivScalar_(self: readonly Tensor[], scalar: number): void {
  callNothing(foreachDivScalar_Op, [self, scalar])
}

const foreachZero_Op = operator('aten::_foreach_zero_', '')
/** aten::_foreach_zero_(Tensor(a!)[] self) -> () */
export function foreachZero_(self: readonly Tensor[]): void {
  callNothing(foreachZero_Op, [self])
}

const foreachNormOp = operator('aten::_foreach_norm', 'Scalar')
/** aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2) -> Tensor[] */
export function foreachNorm(self: readonly Tensor[], { ord }: { ord?: number | undefined } = {}): Tensor[] {
  return callTensors(foreachNormOp, [self, ord])
}

const toCopyOp = operator('aten::_to_copy', '')
/** aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor */
export function toCopy(self: Tensor, { dtype, device }: { dtype?: DType | undefined; device?: string | undefined } = {}): Tensor {
  return callTensor(toCopyOp, [self, scalarType(dtype), undefined, device])
}

const toDtypeOp = operator('aten::to', 'dtype')
/** aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a) */
export function toDtype(self: Tensor, dtype: DType, { copy }: { copy?: boolean | undefined } = {}): Tensor {
  return callTensor(toDtypeOp, [self, scalarType(dtype), undefined, copy])
}

const toDeviceOp = operator('aten::to', 'device')
/** aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a) */
export function toDevice(self: Tensor, device: string, dtype: DType, { copy }: { copy?: boolean | undefined } = {}): Tensor {
  return callTensor(toDeviceOp, [self, device, scalarType(dtype), undefined, copy])
}
