/** @file Pixel-adaptive refinement (PAR) of AFA. */
export * from './cam-par.ts'
export * from './denormalised-images.ts'
export * from './kernel.ts'
export * from './memory.ts'
export * from './par.ts'
export * from './parameters.ts'
export * from './refined-labels.ts'
