/**
 * @file How much tests do: with TAGMASK_TESTS=thorough, as in CI, all of it. `npm test` alone is for the minutes that somebody
 * waits: every test runs, those that search or measure with fewer inputs, sizes and moments.
 */
export const THOROUGH = process.env.TAGMASK_TESTS === 'thorough'
