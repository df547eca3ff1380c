/** @file Values of label PNGs that name no label. Imports nothing. */

/** Void: neither scored nor learned from. */
export const IGNORE = 255

/** In sure-masks/ only: the background or one of the picture's tags, but which is not known. */
export const UNSURE = 254
