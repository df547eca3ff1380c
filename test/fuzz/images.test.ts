import { testReaders } from './in-tests.ts'
import { READERS } from './readers/images.ts'

testReaders('readers/images.js', READERS, { timeout: 600_000 })
