import { readFileSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { diceOf } from './dice.ts'
import { fuzz } from './fuzz.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { mutateText } from './mutate-text.ts'

const FAULTS: readonly (readonly [reader: string, problem: RegExp])[] = [
  ['plain error', /^threw no InputError: TypeError: x is not a function/],
  ['nameless', /^an error that does not name the file: a file: is damaged$/],
  ['long-winded', /^a message of \d{5} characters$/],
  ['endless', /^did not end in 3 s$/],
  ['slow', /^took 1\.\d s$/],
  ['asks for buffers', /^took 100 MiB \(buffers\) for \d+ bytes$/],
  ['writes buffers', /^took 10\d MiB \(resident\) for \d+ bytes$/],
  ['fills the heap', /^took \d{2,3} MiB \(resident\) for \d+ bytes$/],
  ['keeps all', /^(?:took \d{2,3} MiB \(resident\)|died \(SIGABRT\).*heap)/s],
  ['aborts', /^died \(SIGABRT\)/],
  ['rejects later', /^died \(1\).*nobody waits/s],
]

const LONG = { timeout: 300_000 } // where other work takes the processor

test.each(FAULTS)('the fuzzer finds a reader that is faulty: %s', LONG, async (reader, problem) => {
  const { failures } = await fuzz(reader, {
    module: 'faulty-readers.js',
    inputs: 5,
    ...(reader === 'endless' && { patience: 3000 }),
  })
  expect(failures[0]?.problem).toMatch(problem)
  expect(readFileSync(failures[0]!.kept).length).toBeGreaterThan(0)
  for (const { kept } of failures) rmSync(kept)
})

test('a sound reader has no failure, and goes through all inputs', async () => {
  const report = await fuzz('sound', { module: 'faulty-readers.js', inputs: 100, seed: 7 })
  expect(report).toMatchObject({ reader: 'sound', seed: 7, inputs: 100, failures: [] })
  expect(report.accepted).toBe(4) // and the seed
})

test('an input depends on seed and number alone, and inputs differ', () => {
  const seeds = [Buffer.from('{"a": [1, 2, "text"]}\n'), Buffer.from('x,y\n1,2\n')]
  const made = (seed: number, input: number): string =>
    [
      mutateBytes(seeds, diceOf(seed, input)),
      mutateText(seeds, { words: ['word'], roll: diceOf(seed, input) }),
    ]
      .map(bytes => bytes.toString('hex'))
      .join()
  expect(made(3, 5)).toBe(made(3, 5))
  const many = new Set(Array.from({ length: 1000 }, (_, i) => made(1, i)))
  expect(many.size).toBeGreaterThan(990)
  expect(seeds[0]!.toString()).toBe('{"a": [1, 2, "text"]}\n')
})
