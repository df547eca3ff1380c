/** @file Ctrl-C: the first ends the step and writes a checkpoint, the second ends at once. */

/** The part of the process that is needed. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  exit(code: number): void
}

/** Exit code of a run that Ctrl-C ended, as shells have it (128 + SIGINT). */
export const INTERRUPTED = 130

/** A signal that the first SIGINT or SIGTERM aborts; the second one exits with 130. Call `dispose` at the end. */
export function abortOnInterrupt(
  source: SignalSource,
  { tell }: { tell: (text: string) => void },
): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController()
  const listener = () => {
    if (controller.signal.aborted) {
      source.exit(INTERRUPTED)
      return
    }
    tell('stopping after this step, with a checkpoint; Ctrl-C again stops at once')
    controller.abort()
  }
  source.on('SIGINT', listener)
  source.on('SIGTERM', listener)
  return {
    signal: controller.signal,
    dispose() {
      source.off('SIGINT', listener)
      source.off('SIGTERM', listener)
    },
  }
}
