/** @file Values of label PNGs that name no label, and how many are left for those that do. Imports nothing. */
/** Void: neither scored nor learned from. */
export const IGNORE = 255

/** The most foreground classes that masks of 8 bits have labels for, 1 to 254. */
export const MOST_CLASSES = 254

/** In sure-masks/ only: the background or one of the image's tags, but which is not known. */
export const UNSURE = 254
