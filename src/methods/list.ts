/** @file The methods. A further one is a folder beside mctformer/ and a line here. Loads no libtorch. */
import { afa } from './afa/definition.ts'
import { cam } from './cam/definition.ts'
import { cti } from './cti/definition.ts'
import { mctformer } from './mctformer/definition.ts'
import { semformer } from './semformer/definition.ts'
import { weaktr } from './weaktr/definition.ts'

export const METHODS = [mctformer, weaktr, cam, afa, cti, semformer] as const
