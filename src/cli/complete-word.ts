/** @file The word after which the command line completes. Imports nothing. */
/** What the shell calls; no command, so that the words after it are never taken for flags. */
export const COMPLETE = '__complete'
