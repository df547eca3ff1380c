/** @file The entry of `npm run parity`. */
import { parity } from './command.ts'

process.exitCode = await parity(process.argv.slice(2))
