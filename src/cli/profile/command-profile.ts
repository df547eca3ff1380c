/** @file `--profile FILE`: records a command; at its end a table for the terminal and a trace in FILE. */
import { closeSync, existsSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { explainWriteError, writeFileAtomic } from '../../io/atomic.ts'
import { startProfile, stopProfile } from '../../io/profile.ts'
import { chromeTrace } from './chrome-trace.ts'
import { profileText } from './profile-text.ts'

export interface CommandProfile {
  /** Writes the trace and returns the table, also for a command that failed. */
  finish(): Promise<string>
}

/** Makes `file`, empty, so that nothing else takes the name meanwhile. Throws InputError where it exists, or cannot be made. */
export function profileCommand(file: string): CommandProfile {
  const expected = 'give a file that does not exist'
  if (file === '') throw new InputError('--profile', 'is empty', { expected })
  if (existsSync(file)) throw new InputError(file, 'exists', { field: '--profile', expected })
  try {
    closeSync(openSync(file, 'wx'))
  } catch (error) {
    throw explainWriteError(file, error)
  }
  startProfile()
  return {
    async finish() {
      const profile = stopProfile()
      await writeFileAtomic(file, inChunks(chromeTrace(profile)))
      return `${profileText(profile)}\n\ntrace: ${resolve(file)} (open it in ui.perfetto.dev or chrome://tracing)\n`
    },
  }
}

/** Buffers of about a megabyte: the text of a long trace is larger than the longest string. */
function inChunks(pieces: Iterable<string>): Buffer[] {
  const chunks: Buffer[] = []
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length < 1 << 20) continue
    chunks.push(Buffer.from(text))
    text = ''
  }
  chunks.push(Buffer.from(text))
  return chunks
}
