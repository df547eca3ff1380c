/** @file Finding the image that a table or a list means: by path or name, in other case, other Unicode, with or without ending. */
import { hasImageEnding, stemOf } from './image-endings.ts'
import { foldWord } from './tag-words.ts'

/** The images a name may mean: one, several, or none. */
export interface FoundImage {
  readonly file: string | undefined
  /** The images, when there are several. */
  readonly twins: readonly string[]
  /** It names another folder or another ending than the image has. */
  readonly loosely: boolean
}

export interface ImageNames {
  find(name: string): FoundImage
}

const NONE: FoundImage = { file: undefined, twins: [], loosely: false }

/** `files` are paths below a folder; `roots` are their possible prefixes: images/, the path of the folder. */
export function imageNames(
  files: readonly string[],
  { roots = [] }: { readonly roots?: readonly string[] } = {},
): ImageNames {
  const base = (file: string): string => file.slice(file.lastIndexOf('/') + 1)
  const exact = index(files, file => file.normalize('NFC'))
  const exactStem = index(files, file => stemOf(file).normalize('NFC'))
  // those below are rarely needed
  const folded = once(() => index(files, foldWord))
  const foldedStem = once(() => index(files, file => foldWord(stemOf(file))))
  const foldedBase = once(() => index(files, file => foldWord(base(file))))
  const foldedBaseStem = once(() => index(files, file => foldWord(stemOf(base(file)))))
  const befores = roots.map(root => `${slashed(root)}/`).filter(root => root !== '/')
  const foldedBefores = befores.map(foldWord)

  const withoutRoot = (whole: string): string => {
    const isBare = !whole.includes('/') || exact.has(whole.normalize('NFC'))
    const at = isBare ? -1 : foldedBefores.findIndex(root => foldWord(whole).startsWith(root))
    return at < 0 ? whole : whole.slice(befores[at]!.length)
  }
  function* tries(given: string): Generator<{ found: readonly string[] | undefined; loosely: boolean }> {
    yield { found: exact.get(given.normalize('NFC')), loosely: false }
    yield { found: exactStem.get(given.normalize('NFC')), loosely: false }
    const key = foldWord(given)
    yield { found: folded().get(key), loosely: false }
    yield { found: foldedStem().get(key), loosely: false }
    const bare = hasImageEnding(key) ? stemOf(key) : key
    yield { found: foldedStem().get(bare), loosely: true }
    const isElsewhere = key.includes('/')
    yield { found: foldedBase().get(base(key)), loosely: isElsewhere }
    yield { found: foldedBaseStem().get(base(key)), loosely: isElsewhere }
    yield { found: foldedBaseStem().get(base(bare)), loosely: true }
  }
  return {
    find(name) {
      const written = name.normalize('NFC') // a backslash may be part of it
      const own =
        exact.get(written) ??
        (written.includes('\\') ? exactStem.get(written) : undefined) ??
        exact.get(slashed(name).normalize('NFC')) // a folder's name may begin with a space
      if (own?.length === 1) return { file: own[0], twins: [], loosely: false }
      for (const { found = [], loosely } of tries(withoutRoot(slashed(name.trim())))) {
        if (found.length === 1) return { file: found[0], twins: [], loosely }
        if (found.length > 1) return { file: undefined, twins: found, loosely }
      }
      return NONE
    },
  }
}

/**
 * Finds all names together. A loose match (another folder or ending) counts only when no other name means that image, so
 * that val/a.jpg is not taken for train/a.jpg.
 */
export function findAll(names: ImageNames, given: readonly string[]): FoundImage[] {
  const found = given.map(name => names.find(name))
  const certain = new Set(found.flatMap(({ file, loosely }) => (file === undefined || loosely ? [] : [file])))
  const claims = new Map<string, Set<string>>()
  for (const [i, { file, loosely }] of found.entries())
    if (file !== undefined && loosely) claims.set(file, (claims.get(file) ?? new Set()).add(given[i]!))
  const isTaken = ({ file, loosely }: FoundImage): boolean =>
    file !== undefined && loosely && (certain.has(file) || claims.get(file)!.size > 1)
  return found.map(one => (isTaken(one) ? NONE : one))
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** Forward slashes, and nothing before the first name. */
function slashed(path: string): string {
  return path
    .replaceAll('\\', '/')
    .replace(/^file:\/\//i, '')
    .replace(/^(\.?\/)+/, '')
    .replace(/\/+$/, '')
}

function index(
  files: readonly string[],
  keyOf: (file: string) => string,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const file of files) {
    const key = keyOf(file)
    const list = found.get(key)
    if (list === undefined) found.set(key, [file])
    else list.push(file)
  }
  return found
}
