import { testReaders } from './in-tests.ts'
import { READERS } from './readers/runs.ts'

testReaders('readers/runs.js', READERS, { timeout: 600_000 })
