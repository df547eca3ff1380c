/** @file The recipe key `precision`, and what `auto` means on this machine. Loads no libtorch. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const BF16_FLAGS = ['avx512_bf16', 'amx_bf16'] // elsewhere libtorch emulates it: 40 times slower than fp32 on Zen 3

/** Whether a processor with this /proc/cpuinfo multiplies in bfloat16. */
export function multipliesInBf16(cpuinfo: string): boolean {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/))
  return BF16_FLAGS.some(flag => flags.has(flag))
}

let best: 'fp32' | 'bf16' | undefined

function bestPrecision(): 'fp32' | 'bf16' {
  best ??= multipliesInBf16(cpuinfo()) ? 'bf16' : 'fp32'
  return best
}

function cpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}

/** Resolved when the recipe is read, so that recipe.yaml of a run holds the precision in use. */
export const precision = z
  .enum(['auto', 'fp32', 'bf16'])
  .default('auto')
  .transform(value => (value === 'auto' ? bestPrecision() : value))
  .describe(
    'auto: bf16 if the processor multiplies it (avx512_bf16, amx_bf16), else fp32; bf16: matrix products in bfloat16 (autocast), weights in fp32',
  )
