/** @file What set-up says, and the error that ends it in one sentence. */

/** A set-up that cannot go on; the message is all that is printed. */
export class SetupError extends Error {}

/** Prints one line. */
export function say(text) {
  console.log(`set-up: ${text}`)
}
