/** @file Reserved values of label PNGs, and the number of labels that are left. Imports nothing. */
/** The ignore label: neither scored nor trained on. */
export const IGNORE = 255

/** The most foreground classes that masks of 8 bits have labels for, 1 to 254. */
export const MOST_CLASSES = 254

/** In sure-masks/ only: background or any of the image's tags. */
export const UNSURE = 254
