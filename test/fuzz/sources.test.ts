import { testReaders } from './in-tests.ts'
import { sourceReaders } from './readers/sources.ts'

testReaders(sourceReaders, { timeout: 900_000 })
