/** @file Ctrl-C, SIGTERM and a closed terminal: the first ends the step and writes a checkpoint, the second ends at once. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type EndSignal = (typeof SIGNALS)[number]

/** The needed part of the process. */
export interface SignalSource {
  on(signal: EndSignal, listener: () => void): unknown
  off(signal: EndSignal, listener: () => void): unknown
  exit(code: number): void
}

/** Exit code of a run that Ctrl-C ended, as in shells (128 + SIGINT). */
export const INTERRUPTED = 130

/**
 * A signal that the first SIGINT, SIGTERM or SIGHUP aborts; the second one exits with 130. A closed terminal sends SIGHUP
 * more than once, so a repeated SIGHUP never counts as the second. Call `dispose` at the end.
 */
export function abortOnInterrupt(
  source: SignalSource,
  { tell }: { tell: (text: string) => void },
): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController()
  let hungUp = false
  const listeners = SIGNALS.map(name => {
    const listener = () => {
      const again = controller.signal.aborted
      if (again && name !== 'SIGHUP' && (name === 'SIGINT' || !hungUp)) source.exit(INTERRUPTED)
      hungUp ||= name === 'SIGHUP'
      if (again) return
      tell('stopping once what is begun is finished and saved; Ctrl-C again stops at once')
      controller.abort()
    }
    return { name, listener }
  })
  for (const { name, listener } of listeners) source.on(name, listener)
  return {
    signal: controller.signal,
    dispose() {
      for (const { name, listener } of listeners) source.off(name, listener)
    },
  }
}
