/** @file Every fuzzed reader. */
import type { FuzzedReader } from '../reader.ts'
import { READERS as images } from './images.ts'
import { READERS as runs } from './runs.ts'
import { READERS as sources } from './sources.ts'
import { READERS as tables } from './tables.ts'
import { READERS as weights } from './weights.ts'

export const READERS: readonly FuzzedReader[] = [...weights, ...images, ...tables, ...sources, ...runs]
