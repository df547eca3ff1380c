import { testReaders } from './in-tests.ts'
import { READERS } from './readers/sources.ts'

testReaders('readers/sources.js', READERS, { timeout: 900_000 })
