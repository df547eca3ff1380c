/** @file `--profile FILE`: records a command; at its end a table for the terminal and a trace in FILE. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { startProfile, stopProfile } from '../../io/profile.ts'
import { chromeTrace } from './chrome-trace.ts'
import { profileText } from './profile-text.ts'

export interface CommandProfile {
  /** Writes the trace and returns the table, also for a command that failed. */
  finish(): Promise<string>
}

/** Throws InputError where `file` exists. */
export function profileCommand(file: string): CommandProfile {
  if (existsSync(file))
    throw new InputError(file, 'exists', { field: '--profile', expected: 'give a file that does not exist' })
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
