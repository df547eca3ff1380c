/** @file Names of splits: train, val, test, and their synonyms. Imports nothing. */
export const USUAL_SPLITS = ['train', 'val', 'test'] as const

const SAME: readonly (readonly string[])[] = [
  ['train', 'training'],
  ['val', 'valid', 'validation', 'dev'],
  ['test', 'testing'],
  ['train_aug', 'trainaug'],
]

/** The name, then its synonyms. */
export function splitSpellings(split: string): string[] {
  const same = SAME.find(words => words.includes(split)) ?? []
  return [split, ...same.filter(word => word !== split)]
}

/** `val` for valid and Validation, and so on; the word in lower case for any other. */
export function canonicalSplit(word: string): string {
  const folded = word.trim().toLowerCase()
  return SAME.find(words => words.includes(folded))?.[0] ?? folded
}
