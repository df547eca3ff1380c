/** @file Ctrl-C, a request to end, a terminal that goes away: the first ends the step and writes a checkpoint, the second ends at once. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type EndSignal = (typeof SIGNALS)[number]

/** The part of the process that is needed. */
export interface SignalSource {
  on(signal: EndSignal, listener: () => void): unknown
  off(signal: EndSignal, listener: () => void): unknown
  exit(code: number): void
}

/** Exit code of a run that Ctrl-C ended, as shells have it (128 + SIGINT). */
export const INTERRUPTED = 130

/** A signal that the first SIGINT, SIGTERM or SIGHUP aborts; the second one exits with 130. Call `dispose` at the end. */
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
  for (const signal of SIGNALS) source.on(signal, listener)
  return {
    signal: controller.signal,
    dispose() {
      for (const signal of SIGNALS) source.off(signal, listener)
    },
  }
}
