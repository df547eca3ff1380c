/** @file Every fuzzed reader. */
import type { FuzzedReader } from '../reader.ts'
import { imageReaders } from './images.ts'
import { runReaders } from './runs.ts'
import { sourceReaders } from './sources.ts'
import { tableReaders } from './tables.ts'
import { weightReaders } from './weights.ts'

export const READERS: readonly FuzzedReader[] = [
  ...weightReaders,
  ...imageReaders,
  ...tableReaders,
  ...sourceReaders,
  ...runReaders,
]
