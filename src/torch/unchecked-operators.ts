/**
 * @file Checks for kernels that libtorch only calls internally and leaves unchecked: wrong shapes would divide by zero or
 * write beyond a tensor. Each check gets the operator's arguments and returns the problem. Imports nothing.
 */

interface Shaped {
  readonly shape: readonly number[]
}

type Arguments = readonly unknown[]
type Check = (args: Arguments) => string | undefined

const isShaped = (arg: unknown): arg is Shaped =>
  typeof arg === 'object' && arg !== null && 'shape' in arg && Array.isArray(arg.shape)

const count = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1)

const isWhole = (list: unknown, least: number): list is readonly number[] =>
  Array.isArray(list) && list.every(entry => Number.isInteger(entry) && entry >= least)

function checkChannels(input: Shaped, ofChannels: Readonly<Record<string, unknown>>): string | undefined {
  const channels = input.shape[1] ?? 0
  if (channels === 0 || count(input.shape) === 0) return `no channels or no elements in [${input.shape}]`
  for (const [name, given] of Object.entries(ofChannels))
    if (isShaped(given) && given.shape.join() !== `${channels}`)
      return `${name} [${given.shape}] for ${channels} channels`
  return undefined
}

/** (input, weight, bias, running_mean, running_var, training, momentum, eps) */
function checkBatchNorm([input, weight, bias, mean, variance, training]: Arguments): string | undefined {
  if (!isShaped(input)) return undefined // the conversion throws
  const problem = checkChannels(input, { weight, bias, running_mean: mean, running_var: variance })
  if (problem !== undefined) return problem
  return training !== true && !(isShaped(mean) && isShaped(variance))
    ? 'running_mean and running_var are needed where training is false'
    : undefined
}

/** (input, running_mean, running_var, momentum) */
function checkBatchStatistics([input, mean, variance]: Arguments): string | undefined {
  return isShaped(input) ? checkChannels(input, { running_mean: mean, running_var: variance }) : undefined
}

/** (grad_output, input, normalized_shape, mean, rstd, weight, bias, output_mask) */
function checkLayerNormBackward([gradient, input, axes, mean, deviation, ...affine]: Arguments):
  | string
  | undefined {
  if (!isShaped(gradient) || !isShaped(input) || !Array.isArray(axes)) return undefined
  if (gradient.shape.join() !== input.shape.join())
    return `grad_out [${gradient.shape}] for input [${input.shape}]`
  if (axes.length === 0 || input.shape.slice(-axes.length).join() !== axes.join())
    return `normalized_shape [${axes}] for input [${input.shape}]`
  const rows = count(input.shape.slice(0, input.shape.length - axes.length))
  for (const given of [mean, deviation])
    if (isShaped(given) && count(given.shape) !== rows)
      return `mean or rstd [${given.shape}] for ${rows} rows`
  for (const given of affine.slice(0, 2))
    if (isShaped(given) && given.shape.join() !== axes.join())
      return `weight or bias [${given.shape}] for normalized_shape [${axes}]`
  return undefined
}

/** (input, weight, bias, stride, padding, dilation, groups): libtorch divides by the lower half of `groups`. */
function checkConvolution([, weight, , , , , groups]: Arguments): string | undefined {
  if (!isShaped(weight) || typeof groups !== 'number') return undefined
  const outputs = weight.shape[0] ?? 0
  return groups > Math.max(1, outputs) ? `groups is ${groups} of ${outputs} outputs` : undefined
}

/** (grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed, output_padding, groups, output_mask) */
function checkConvolutionBackward(args: Arguments): string | undefined {
  const [gradient, input, weight, , stride, padding, dilation, transposed, outputPadding, groups] = args
  if (!isShaped(gradient) || !isShaped(input) || !isShaped(weight)) return undefined
  const [g, x, w] = [gradient.shape, input.shape, weight.shape]
  const shapes = `grad_output [${g}], input [${x}], weight [${w}]`
  if (x.length < 3 || g.length !== x.length || w.length !== x.length) return `${shapes}: not of one kind`
  if (count(g) * count(x) * count(w) === 0) return `${shapes}: no elements`
  if (!Number.isInteger(groups) || (groups as number) < 1) return `groups is ${String(groups)}`
  if (!isWhole(stride, 1) || !isWhole(dilation, 1)) return 'stride and dilation must be 1 or more'
  if (!isWhole(padding, 0) || !isWhole(outputPadding, 0)) return 'padding must be 0 or more'
  const axes = x.length - 2
  if ([stride, dilation, padding, outputPadding].some(list => list.length !== axes))
    return `stride, padding and dilation need ${axes} numbers`
  const [from, to] = transposed === true ? [g, x] : [x, g]
  const spread = transposed === true ? outputPadding : outputPadding.map(() => 0)
  const fits = to.slice(2).every((extent, i) => {
    const free = from[i + 2]! + 2 * padding[i]! - dilation[i]! * (w[i + 2]! - 1) - 1 - spread[i]!
    return transposed === true
      ? free === (extent - 1) * stride[i]!
      : extent === Math.floor(free / stride[i]!) + 1
  })
  const channels =
    w[0] === to[1] && w[1]! * (groups as number) === from[1] && w[0]! % (groups as number) === 0
  return fits && channels && g[0] === x[0] ? undefined : `${shapes}: do not belong together`
}

/** By libtorch's name of the operator. */
export const UNCHECKED: ReadonlyMap<string, Check> = new Map([
  ['aten::native_batch_norm', checkBatchNorm],
  ['aten::batch_norm_update_stats', checkBatchStatistics],
  ['aten::native_layer_norm_backward', checkLayerNormBackward],
  ['aten::conv2d', checkConvolution],
  ['aten::convolution_backward', checkConvolutionBackward],
])
