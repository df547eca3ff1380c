/** @file Refinement of CAMs, the public way in: dense CRF, PAR, sure labels, AffinityNet and its random walk. */
export * from './affinity/index.ts'
export * from './cam-crf.ts'
export * from './crf-parameters.ts'
export * from './crf-unary.ts'
export * from './dense-crf.ts'
export * from './label-crf.ts'
export * from './par/index.ts'
export * from './sure-labels.ts'
