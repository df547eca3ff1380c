import { testReaders } from './in-tests.ts'
import { tableReaders } from './readers/tables.ts'

testReaders(tableReaders, { timeout: 600_000 })
