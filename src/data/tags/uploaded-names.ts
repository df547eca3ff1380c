/** @file Names of images as tagging tools keep them: links, the prefix of an upload, blanks replaced. */
import { hasImageEnding } from '../image-endings.ts'
import { foldWord } from '../tag-words.ts'

/** The possible names of the image that a tool's link means, most likely first: as they are written, then decoded. */
function possibleNames(link: string): string[] {
  const local = /^\/?data\/local-files\/?\?d=(.*)$/.exec(link)?.[1]
  const written = local ?? withoutQuery(link)
  const forms = [written, decoded(written), decoded(written).replaceAll('\\', '/')].map(namesIn)
  const paths = forms.map(([path]) => path!)
  return [...new Set([...paths, ...forms.flat()])]
}

/** The path, its last name, and that without the prefix of an upload. */
function namesIn(plain: string): string[] {
  const base = plain.slice(plain.lastIndexOf('/') + 1)
  const bare = base.replace(/^[0-9a-f]{8}-/, '') // of Label Studio's uploads
  const path = plain
    .replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]+\//i, '')
    .replace(/^\/?data\/upload\/(?:\d+\/)?/, '')
  return [path, base, ...(bare === base ? [] : [bare])]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function withoutQuery(link: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(link) ? link.replace(/[?#].*$/, '') : link
}

/** As Label Studio's server (Django) saves an upload: blanks become _, marks are left out. */
function uploadedName(name: string): string {
  return foldWord(name)
    .trim()
    .replaceAll(' ', '_')
    .replace(/[^-\p{L}\p{N}\p{M}_.]/gu, '')
}

export interface UploadedNames {
  /** The name that an image has here; without one the name that the tool shows, for messages. */
  readonly nameOf: (link: string) => string
}

/** `files`: the images that are here, by their path; `exists` tells whether a name is that of one of them. */
export function uploadedNames(
  files: readonly string[],
  { exists }: { readonly exists: (name: string) => boolean },
): UploadedNames {
  const saved = new Map<string, string | undefined>()
  for (const file of files) {
    const key = uploadedName(file.slice(file.lastIndexOf('/') + 1))
    saved.set(key, saved.has(key) ? undefined : file) // of several none
  }
  return {
    nameOf: link => {
      const names = possibleNames(link)
      const found =
        names.find(exists) ??
        names.flatMap(name => saved.get(uploadedName(name.slice(name.lastIndexOf('/') + 1))) ?? [])[0]
      return found ?? names[names.length - 1]!
    },
  }
}

/** Whether a text is a link to an image, or the path of one. */
export function isImageLink(text: string): boolean {
  return hasImageEnding(withoutQuery(text)) || /^\/?data\/(?:upload\/|local-files\/?\?d=)/.test(text)
}
