/**
 * @file Memory of one input, two ways. `resident`: how far the process rose above where it stood, by the kernel's own
 * high-water mark (VmHWM), set back before each input; it sees what native code takes as well, but only pages that are written.
 * `buffers`: the bytes of all buffers that JavaScript asked for, written or not, freed or not.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

/** Bytes. */
export interface MemoryUse {
  readonly resident: number
  readonly buffers: number
}

export interface MemoryGauge {
  start(): void
  stop(): MemoryUse
}

/** Linux; elsewhere `resident` is 0. Call it once in a process, before the readers are loaded. */
export function memoryGauge(): MemoryGauge {
  const peak = peakGauge()
  const buffers = countBuffers()
  let before = 0
  return {
    start() {
      before = buffers()
      peak.reset()
    },
    stop: () => ({ resident: peak.rise(), buffers: buffers() - before }),
  }
}

function peakGauge(): { reset(): void; rise(): number } {
  let reset: number
  try {
    reset = openSync('/proc/self/clear_refs', 'w')
  } catch {
    return { reset: () => undefined, rise: () => 0 }
  }
  const status = openSync('/proc/self/status', 'r')
  const text = Buffer.alloc(4096)
  const read = (name: string): number => {
    const length = readSync(status, text, 0, text.length, 0)
    const at = text.indexOf(name)
    return 1024 * Number.parseInt(text.toString('latin1', at + name.length, Math.min(length, at + 40)), 10)
  }
  process.on('exit', () => [reset, status].map(closeSync))
  let before = 0
  return {
    reset() {
      writeSync(reset, '5')
      before = read('VmRSS:')
    },
    rise: () => Math.max(0, read('VmHWM:') - before),
  }
}

const TYPED = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  ...[
    'Uint8Array',
    'Uint8ClampedArray',
    'Int8Array',
    'Uint16Array',
    'Int16Array',
    'Uint32Array',
    'Int32Array',
  ],
  ...['Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'],
]

/** Replaces the constructors of buffers by ones that count; returns the bytes so far. */
function countBuffers(): () => number {
  let asked = 0
  const isBuffer = (value: unknown): boolean =>
    value instanceof ArrayBuffer || value instanceof SharedArrayBuffer
  for (const name of TYPED) {
    const own = Reflect.get(globalThis, name) as new (...args: unknown[]) => { readonly byteLength: number }
    const counting: typeof own = new Proxy(own, {
      construct(target, args, caller) {
        const made = Reflect.construct(target, args, caller === counting ? target : caller) as ArrayBufferView
        if (!isBuffer(args[0])) asked += made.byteLength
        return made
      },
    })
    Reflect.set(globalThis, name, counting)
    own.prototype.constructor = counting // sharp compares it
  }
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'concat', 'from'] as const) {
    const own = Buffer[name] as (...args: unknown[]) => Buffer
    const counting = (...args: unknown[]): Buffer => {
      const made = own.apply(Buffer, args)
      if (!isBuffer(args[0])) asked += made.byteLength
      return made
    }
    Reflect.set(Buffer, name, counting)
  }
  return () => asked
}
