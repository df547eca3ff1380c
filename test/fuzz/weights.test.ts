import { testReaders } from './in-tests.ts'
import { READERS } from './readers/weights.ts'

testReaders('readers/weights.js', READERS, { timeout: 600_000 })
