/** @file Completion in shells: `tagmask __complete WORD...` writes what the last word may become, one on each line. */
import { proposeCompletions } from '@stricli/core'
import { app } from './app.ts'
import type { CliContext } from './context.ts'

/** Completions of the last word, which may be empty, after those before it; flags once it begins with a dash. */
export async function completions(words: readonly string[], context: CliContext): Promise<string[]> {
  const proposed = await proposeCompletions(app, words, context)
  const dashed = words.at(-1)?.startsWith('-') ?? false
  const found = proposed.map(({ completion }) => completion)
  return [...new Set(found.filter(word => dashed || !word.startsWith('--')))]
}
