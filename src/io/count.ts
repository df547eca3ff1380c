/** @file Numbers of things in words. Imports nothing. */
/** "1 image", "1,103 images"; with a verb "1 image has", "2 images have". */
export function count(n: number, noun: string, verb?: keyof typeof VERBS): string {
  const words = `${n.toLocaleString('en-US')} ${n === 1 ? noun : pluralOf(noun)}`
  return verb === undefined ? words : `${words} ${VERBS[verb][n === 1 ? 0 : 1]}`
}

const VERBS = {
  has: ['has', 'have'],
  is: ['is', 'are'],
  names: ['names', 'name'],
  lies: ['lies', 'lie'],
} as const

function pluralOf(noun: string): string {
  if (/(s|x|sh)$/.test(noun)) return `${noun}es`
  return /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`
}
