/** @file Seeds of text formats, and what tags are whatever a file holds. */
const textOf = (value: unknown): string => JSON.stringify(value, null, 1)

export const seeds = (...texts: string[]) => ({ seeds: () => texts.map(text => Buffer.from(text)) })
export const json = (...values: unknown[]) => seeds(...values.map(textOf))

/** `length` lines, for a large file. */
export const many = (length: number, line: (i: number) => string): string =>
  Array.from({ length }, (_, i) => line(i)).join('')

/** A row of thirty bytes becomes objects of a thousand: MAX_ENTRIES and MAX_CELLS (src/io/budget.ts) are their bound. */
export const ROWS = 45

/** Tags are clean words. */
export function checkTags(rows: Iterable<{ readonly tags: readonly string[] }>): void {
  for (const { tags } of rows)
    for (const tag of tags)
      if (!/^[^\s\p{Cc}]([^\p{Cc}]*[^\s\p{Cc}])?$/u.test(tag))
        throw new Error(`the tag ${JSON.stringify(tag)}`)
}
