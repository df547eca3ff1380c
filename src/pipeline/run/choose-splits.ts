/** @file The splits of a data set for a recipe: those it names, or their substitutes in a data set that has others or none. Imports no torch. */
import { splitSpellings } from '../../data/split-names.ts'
import type { Recipe } from '../recipe/schema.ts'

export interface ChosenSplits {
  readonly split: string
  /** Undefined: the data set has none. */
  readonly valSplit: string | undefined
  readonly evaluateSplit: string | null
  /** The substitutions, in sentences. */
  readonly said: readonly string[]
}

export interface SplitContext {
  /** Splits that the data set has; none when all of it is one. */
  readonly there: readonly string[]
  /** Name of the data set. */
  readonly name: string
  /** Keys set by the user: their splits are not substituted, and opening a missing one fails. */
  readonly named: ReadonlySet<string>
}

const TRAIN = /^(train|training|train_?aug)(\d{4})?$/
const VAL = /^(val|valid|validation|dev)(\d{4})?$/

/**
 * The usual names (train_aug, train2014, val) are substituted by what the data set has: `train`, or all images where there
 * are no lists; no validation. Other names, and those that the user set, stay.
 */
export function chooseSplits({ data, evaluate }: Recipe, { there, name, named }: SplitContext): ChosenSplits {
  const said: string[] = []
  const split = trainSplit(data.split)
  const valSplit = validationSplit(data.valSplit)
  return { split, valSplit, evaluateSplit: scoredSplit(evaluate.split), said }

  function trainSplit(asked: string): string {
    const found = fitting(asked, there)
    if (found !== undefined) return found
    if (named.has('data.split') || !TRAIN.test(asked)) return asked
    if (there.length === 0) {
      if (asked !== 'train')
        said.push(`data.split ${asked}: ${name} has no lists of images, so all of them are trained on`)
      return 'train'
    }
    const others = there.filter(other => !/^(val|valid|validation|dev|test)/.test(other))
    const instead = fitting('train', there) ?? (others.length === 1 ? others[0] : undefined)
    if (instead === undefined) return asked
    said.push(`data.split ${asked}: ${name} has no such list, so ${instead} is trained on`)
    return instead
  }

  function validationSplit(asked: string | null): string | undefined {
    if (asked === null) return undefined
    const found = fitting(asked, there)
    if (found !== undefined) return found
    if (named.has('data.valSplit') || !VAL.test(asked)) return asked
    const instead = fitting('val', there)
    if (instead !== undefined)
      said.push(`data.valSplit ${asked}: ${name} has no such list, so ${instead} is validated on`)
    return instead
  }

  function scoredSplit(asked: string | null): string | null {
    if (asked === null || asked === data.split || asked === split) return asked === null ? null : split
    const found = fitting(asked, there)
    if (found !== undefined) return found
    if (named.has('evaluate.split') || !(TRAIN.test(asked) || VAL.test(asked))) return asked
    said.push(`evaluate.split ${asked}: ${name} has no such list, so the CAMs of ${split} are scored`)
    return null
  }
}

/** The name by which a split can be opened; undefined when it does not exist. COCO's names may end in a year. */
function fitting(asked: string, there: readonly string[]): string | undefined {
  if (there.includes(asked)) return asked
  const other = splitSpellings(asked).find(name => there.includes(name))
  if (other !== undefined) return /^train_?aug$/.test(asked) ? asked : other // VOC's two spellings are one name
  return there.some(name => name.startsWith(asked) && /^\d{4}$/.test(name.slice(asked.length)))
    ? asked
    : undefined
}
