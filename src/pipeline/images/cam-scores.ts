/** @file Whether CAMs are scores. Imports no torch. */
import { InputError } from '../../errors.ts'
import type { Cams } from '../../evaluate/index.ts'

/** The maps, when all values are scores from 0 to 1; else throws InputError. */
export function scoresIn<T extends Cams>(cams: T, file: string): T {
  let [low, high] = [0, 0]
  for (const map of cams.maps.values()) {
    for (let i = 0; i < map.length; i++) {
      const value = map[i]!
      if (Number.isNaN(value)) {
        throw new InputError(file, 'holds values that are no numbers (NaN)', {
          field: 'cam',
          expected: 'CAMs are scores from 0 to 1: recompute them',
        })
      }
      if (value < low) low = value
      if (value > high) high = value
    }
  }
  if (low >= 0 && high <= 1) return cams
  throw new InputError(
    file,
    `holds values from ${Number(low.toPrecision(3))} to ${Number(high.toPrecision(3))}`,
    {
      field: 'cam',
      expected: 'CAMs are scores from 0 to 1: scale each map to them before',
    },
  )
}
