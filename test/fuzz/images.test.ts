import { testReaders } from './in-tests.ts'
import { imageReaders } from './readers/images.ts'

testReaders(imageReaders, { timeout: 600_000 })
