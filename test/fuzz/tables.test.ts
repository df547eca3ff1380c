import { testReaders } from './in-tests.ts'
import { READERS } from './readers/tables.ts'

testReaders('readers/tables.js', READERS, { timeout: 600_000 })
