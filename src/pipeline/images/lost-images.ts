/**
 * @file Unusable images of a stage: reported in one line, each named with its cause in lost-images.txt of the run. Too many
 * are an error. Imports no torch.
 */
import { readFile, rm } from 'node:fs/promises'
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { count } from '../../io/count.ts'
import { oneLine } from '../../io/printable.ts'
import type { Log } from '../../train/log.ts'
import { fromHere } from '../run/run-folder.ts'

export interface LostImagesOptions {
  /** Name of the work, before its lines. */
  readonly title: string
  /** The file that names all of them; without it the line names more. */
  readonly list?: string | undefined
  readonly log: Log
}

/** Lost images, all images, and the largest share that may be lost (`data.maxLost` of the recipe). */
export interface LostShare {
  readonly lost: number
  readonly total: number
  readonly maxLost: number
}

export interface LostImages {
  readonly ids: readonly string[]
  readonly count: number
  add(image: { readonly id: string }, error: InputError): void
  /** Logs those not reported yet in one line and writes the file; those an earlier stage named are only counted. */
  tell(total?: number): Promise<void>
  /** Reports; throws InputError when all or too many are lost. Files already written stay. */
  conclude(share: LostShare): Promise<void>
}

/** A line of the file: title, id and why. */
type Entry = readonly [title: string, id: string, why: string]

export function collectLost({ title, list, log }: LostImagesOptions): LostImages {
  const lost = new Map<string, InputError>()
  const told = new Set<string>()
  const tell = async (total?: number): Promise<void> => {
    const before = list === undefined ? [] : await readEntries(list)
    const others = before.filter(([by]) => by !== title)
    if (list !== undefined && (lost.size > 0 || others.length < before.length))
      await writeEntries(list, [...others, ...[...lost].map(([id, error]) => entryOf(title, id, error))])
    const now = [...lost].filter(([id]) => !told.has(id))
    if (now.length === 0) return
    const isMore = told.size > 0
    for (const [id] of now) told.add(id)
    const known = new Map(others.reverse().map(([by, id, why]) => [`${id}\t${why}`, by])) // the first to name it
    const byOf = ([id, error]: [string, InputError]): string | undefined =>
      known.get(entryOf(title, id, error).slice(1).join('\t'))
    const fresh = now.filter(one => byOf(one) === undefined)
    const by = [...new Set(now.flatMap(one => byOf(one) ?? []))].join(' and ')
    const of = total === undefined ? count(now.length, 'image') : `${now.length} of ${count(total, 'image')}`
    const all = `${title}: ${isMore ? count(now.length, 'more image') : of}`
    if (fresh.length === 0) log.info(`${all}, named by ${by}, left out`)
    else {
      const again = fresh.length < now.length ? [`${now.length - fresh.length} named by ${by}`] : []
      const where = list === undefined || now.length === 1 ? '' : `; each with its cause in ${fromHere(list)}`
      const most = list === undefined ? 20 : 3
      log.warn(`${all} could not be used: ${[...again, ...causesOf(fresh, most)].join('; ')}${where}`)
    }
  }
  return {
    get ids() {
      return [...lost.keys()]
    },
    get count() {
      return lost.size
    },
    add: ({ id }, error) => void lost.set(id, error),
    tell,
    async conclude({ lost: number, total, maxLost }) {
      await tell(total)
      if (number === 0 || (number < total && number <= maxLost * total)) return
      throw new InputError(title, `${number} of ${count(total, 'image')} could not be used, as named above`, {
        field: 'data.maxLost',
        expected: `at most ${Math.round(100 * maxLost)} % may be lost: fix what is named above (is their folder there and readable?) and resume with the same command, or raise data.maxLost`,
      })
    },
  }
}

/** Ids of the images that no stage of the run has named. */
export async function notNamed(list: string, images: readonly { readonly id: string }[]): Promise<string[]> {
  const named = new Set((await readEntries(list)).map(([, id]) => id))
  return images.flatMap(({ id }) => (named.has(id) ? [] : [id]))
}

/** Groups images whose errors differ only in names and numbers. */
export function byCause(
  lost: readonly (readonly [id: string, InputError])[],
): { readonly ids: string[]; readonly first: InputError }[] {
  const causes = new Map<string, { ids: string[]; first: InputError }>()
  for (const [id, error] of lost) {
    const cause = error.message.replaceAll(error.file, '').replaceAll(/#[0-9a-f]{6}\b|\d+/g, 'n')
    const known = causes.get(cause)
    if (known === undefined) causes.set(cause, { ids: [id], first: error })
    else known.ids.push(id)
  }
  return [...causes.values()]
}

/** Each cause with its first images, then the remedies. A single image has its whole message. */
function causesOf(lost: readonly (readonly [string, InputError])[], most: number): string[] {
  if (lost.length === 1) return [lost[0]![1].message]
  const causes = byCause(lost)
  const said = causes.map(({ ids, first }) => `${first.problem}: ${sample(ids, most)}`)
  return [...said, ...new Set(causes.flatMap(({ first }) => first.expected ?? []))]
}

function entryOf(title: string, id: string, { message }: InputError): Entry {
  return [title, id, message].map(oneLine) as unknown as Entry
}

async function readEntries(list: string): Promise<Entry[]> {
  const text = await readFile(list, 'utf8').catch(() => '')
  const lines = text.split('\n').filter(line => line !== '')
  return lines.map(line => line.split('\t') as unknown as Entry)
}

async function writeEntries(list: string, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) await rm(list, { force: true })
  else await writeFileAtomic(list, `${entries.map(entry => entry.join('\t')).join('\n')}\n`)
}
