/** @file The entry of `npm run fuzz`. */
import { command } from './command.ts'

process.exitCode = await command(process.argv.slice(2))
