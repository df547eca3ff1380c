import { testReaders } from './in-tests.ts'
import { runReaders } from './readers/runs.ts'

testReaders(runReaders, { timeout: 600_000 })
