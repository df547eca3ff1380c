/** @file The demo data set, the public way in. */
export { type DemoOptions, type DemoSet, generateDemo } from './generate.ts'
export { DEMO_CLASSES } from './kinds.ts'
