import { testReaders } from './in-tests.ts'
import { weightReaders } from './readers/weights.ts'

testReaders(weightReaders, { timeout: 600_000 })
