/** @file A table for a terminal. Imports nothing. */
export interface TextColumn {
  readonly title: string
  /** Numbers are at the right. */
  readonly align?: 'left' | 'right'
  /** Longer cells are cut, with an ellipsis; default: as wide as needed. */
  readonly most?: number
}

/** Lines without trailing blanks: titles, then rows, two blanks between columns. */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string {
  const cut = (text: string, most = Number.POSITIVE_INFINITY): string =>
    text.length > most ? `${text.slice(0, most - 1)}…` : text
  const cells = [columns.map(({ title }) => title), ...rows].map(row =>
    columns.map(({ most }, i) => cut(row[i] ?? '', most)),
  )
  const widths = columns.map((_, i) => Math.max(...cells.map(row => row[i]!.length)))
  return cells
    .map(row =>
      row
        .map((cell, i) =>
          columns[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
