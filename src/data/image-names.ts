/** @file Finding the image that a table or a list means: by path or name, in other case, other Unicode, with or without ending. */
import { hasImageEnding, stemOf } from './image-endings.ts'
import { foldWord } from './tag-words.ts'

/** What a name was found to mean: one image, several, or none. */
export interface FoundImage {
  readonly file: string | undefined
  /** Images that it may mean, when there are several. */
  readonly twins: readonly string[]
  /** It names another folder or another ending than the image has. */
  readonly loosely: boolean
}

export interface ImageNames {
  find(name: string): FoundImage
}

const NONE: FoundImage = { file: undefined, twins: [], loosely: false }

/** `files` are paths below a folder; `roots` are what may stand before them: images/, the path of the folder. */
export function imageNames(
  files: readonly string[],
  { roots = [] }: { readonly roots?: readonly string[] } = {},
): ImageNames {
  const base = (file: string): string => file.slice(file.lastIndexOf('/') + 1)
  const exact = index(files, file => file.normalize('NFC'))
  const exactStem = index(files, file => stemOf(file).normalize('NFC'))
  const folded = index(files, foldWord)
  const foldedStem = index(files, file => foldWord(stemOf(file)))
  const foldedBase = index(files, file => foldWord(base(file)))
  const foldedBaseStem = index(files, file => foldWord(stemOf(base(file))))
  const befores = roots.map(root => `${slashed(root)}/`).filter(root => root !== '/')
  return {
    find(name) {
      const whole = slashed(name.trim())
      const before = befores.find(root => foldWord(whole).startsWith(foldWord(root)))
      const asked =
        before === undefined || exact.has(whole.normalize('NFC')) ? whole : whole.slice(before.length)
      const bare = hasImageEnding(asked) ? stemOf(asked) : asked
      const isElsewhere = asked.includes('/')
      const tries: readonly (readonly [ReadonlyMap<string, readonly string[]>, string, boolean])[] = [
        [exact, asked.normalize('NFC'), false],
        [exactStem, asked.normalize('NFC'), false],
        [folded, foldWord(asked), false],
        [foldedStem, foldWord(asked), false],
        [foldedStem, foldWord(bare), true],
        [foldedBase, foldWord(base(asked)), isElsewhere],
        [foldedBaseStem, foldWord(base(asked)), isElsewhere],
        [foldedBaseStem, foldWord(base(bare)), true],
      ]
      for (const [known, key, loosely] of tries) {
        const found = known.get(key) ?? []
        if (found.length === 1) return { file: found[0], twins: [], loosely }
        if (found.length > 1) return { file: undefined, twins: found, loosely }
      }
      return NONE
    },
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
