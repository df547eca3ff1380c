/** @file Scopes own memory: every tensor belongs to the innermost open scope and is freed with it. Imports nothing. */
const frames: Set<Disposable>[] = []

/** Adds a new tensor to the innermost scope, if one is open. */
export function track(resource: Disposable): void {
  frames.at(-1)?.add(resource)
}

/** Takes a tensor out of its scope: it lives until its own dispose(). */
export function keep<T extends Disposable>(resource: T): T {
  for (const frame of frames) frame.delete(resource)
  return resource
}

/**
 * Runs `body` and frees every tensor made in it except those reachable in its result (a tensor, or arrays, maps and
 * plain objects of them), which move to the enclosing scope. `body` must not be async: use one scope a step.
 */
export function scope<T>(body: () => T): T {
  const frame = new Set<Disposable>()
  frames.push(frame)
  let result: T | undefined
  try {
    result = body()
    if (result instanceof Promise)
      throw new TypeError('scope() needs a synchronous body: its tensors are freed at its end')
    return result
  } finally {
    frames.pop()
    const outer = frames.at(-1)
    for (const resource of reachable(result, frame)) {
      frame.delete(resource)
      outer?.add(resource)
    }
    for (const resource of frame) resource[Symbol.dispose]()
  }
}

function reachable(
  value: unknown,
  frame: ReadonlySet<Disposable>,
  found: Set<Disposable> = new Set(),
): Set<Disposable> {
  if (typeof value !== 'object' || value === null) return found
  if (frame.has(value as Disposable)) {
    found.add(value as Disposable)
  } else if (Array.isArray(value)) {
    for (const entry of value) reachable(entry, frame, found)
  } else if (value instanceof Map) {
    for (const entry of value.values()) reachable(entry, frame, found)
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const entry of Object.values(value)) reachable(entry, frame, found)
  }
  return found
}
