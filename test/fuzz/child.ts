/**
 * @file The process that reads: many inputs, one after another. `fuzz.ts` starts it, watches it, and learns from the file `at`
 * in its folder which input it died of.
 */
import { copyFileSync, linkSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { readAtOnce } from './files-at-once.ts'
import { memoryGauge } from './memory.ts'
import type { FuzzedReader } from './reader.ts'
import { type ChildTask, type Failure, keptPath, type Tally } from './task.ts'
import { attempt, makeInput, mostMemory, type Trial } from './trial.ts'

const MOST_KINDS = 20
const TELL_EVERY = 250 // ms
const AGAIN = 3 // a failure of time or memory must be one each time, with a heap swept before

async function main(task: ChildTask): Promise<void> {
  process.on('disconnect', () => process.exit()) // nobody listens
  const gauge = memoryGauge()
  const { READERS } = (await import(task.module)) as { READERS: readonly FuzzedReader[] }
  const reader = READERS.find(({ name }) => name === task.reader)
  if (reader === undefined) throw new Error(`no reader ${task.reader}`)
  const seeds = await reader.seeds()
  const large = task.first === 0 ? await reader.large?.() : undefined
  readAtOnce() // what makes inputs may write
  const { path, write } = placeOf(reader, task.folder)
  const at = openSync(join(task.folder, 'at'), 'w')
  const read = (size: number, clock = cpuSeconds): Promise<Trial> =>
    attempt(reader, { path, folder: task.folder, size }, { gauge, clock })
  for (const [i, good] of seeds.entries()) {
    const plain = reader.wrap?.(Buffer.from(good), () => 0) ?? good
    write(plain)
    try {
      await reader.read(path)
    } catch (cause) {
      throw new Error(`seed ${i} of ${reader.name} is refused`, { cause })
    }
  }

  const { tally, note } = newTally(task, path)
  if (large !== undefined) {
    write(large)
    await sweep()
    const trial = await read(large.length)
    const { problem, ...rest } = trial
    const fits = Math.max(trial.resident, trial.buffers) <= mostMemory(reader, large.length)
    note(-1, /^took/.test(problem ?? '') && fits ? rest : trial) // of time there is no bar for megabytes
    tally.large = { bytes: trial.resident, size: large.length }
  }
  const most = { resident: 2 ** 18, seconds: 0.002 } // as measured at first
  const started = cpuSeconds()
  const end = Date.now() + 1000 * task.seconds
  let told = Date.now()
  for (let input = task.first; input < task.first + task.inputs && Date.now() < end; input++) {
    const bytes = makeInput(reader, seeds, { seed: task.seed, input })
    writeSync(at, String(input).padEnd(16), 0)
    write(bytes)
    // by the wall: what the process took is asked only where that is much, for it takes a tenth of a millisecond to say
    let trial = await read(bytes.length, wallSeconds)
    const isRecord = trial.resident > 1.2 * most.resident || trial.seconds > 1.2 * most.seconds
    if (isRecord) {
      most.resident = Math.max(most.resident, trial.resident)
      most.seconds = Math.max(most.seconds, trial.seconds)
    }
    if (isRecord || /^took/.test(trial.problem ?? ''))
      trial = await confirmed(trial, () => read(bytes.length))
    tally.inputs++
    if (trial.accepted) tally.accepted++
    if (trial.seconds > tally.slowest.seconds) tally.slowest = { input, seconds: trial.seconds }
    if (trial.resident > tally.largest.bytes)
      tally.largest = { input, bytes: trial.resident, size: bytes.length }
    note(input, trial)
    if (tally.failures.length === MOST_KINDS) break
    if (Date.now() - told > TELL_EVERY) {
      told = Date.now()
      tally.cpu = cpuSeconds() - started
      process.send?.(tally)
      await new Promise(resolve => setImmediate(resolve)) // sends
    }
  }
  tally.cpu = cpuSeconds() - started
  await setTimeout(10) // for what the last input left behind
  process.send?.(tally, () => process.disconnect())
}

/** `note` keeps the file of the first failure of each kind. */
function newTally(task: ChildTask, path: string) {
  const tally = {
    inputs: 0,
    accepted: 0,
    cpu: 0,
    slowest: { input: 0, seconds: 0 },
    largest: { input: 0, bytes: 0, size: 0 },
    large: undefined as Tally['large'],
    failures: [] as Failure[],
  }
  const kinds = new Set<string>()
  const note = (input: number, { problem }: Trial): void => {
    const kind = problem?.split('\n').slice(0, 2).join('\n').replaceAll(/\d+/g, 'n')
    if (problem === undefined || kind === undefined || kinds.has(kind)) return
    kinds.add(kind)
    const kept = keptPath(task, input)
    copyFileSync(path, kept)
    tally.failures.push({ input, problem, kept })
  }
  return { tally, note }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function wallSeconds(): number {
  return performance.now() / 1000
}

async function sweep(): Promise<void> {
  for (let times = 0; times < 2; times++) {
    global.gc?.()
    await setTimeout(5) // what it frees goes back a little later
  }
}

/**
 * The least time and memory of several attempts: garbage of earlier inputs and other processes count for none. `first` may
 * be by the wall, which shows no less than the processor's time of one thread.
 */
async function confirmed(first: Trial, again: () => Promise<Trial>): Promise<Trial> {
  const trials = [first]
  while (trials.length <= AGAIN) {
    await sweep()
    trials.push(await again())
  }
  const least = (of: (trial: Trial) => number): number => Math.min(...trials.map(of))
  const { problem: told, ...rest } = first
  const isMeasured = /^took/.test(told ?? '')
  const isSure = told !== undefined && (!isMeasured || trials.every(({ problem }) => problem !== undefined))
  const problem = isMeasured ? trials.at(-1)?.problem : told
  return {
    ...rest,
    seconds: least(({ seconds }) => seconds),
    resident: least(({ resident }) => resident),
    ...(isSure && problem !== undefined && { problem }),
  }
}

/** The folder with all that lies beside the input. */
function placeOf(
  { file = 'mutated', links = [], beside = {} }: FuzzedReader,
  folder: string,
): { path: string; write: (bytes: Uint8Array) => void } {
  const inFolder = (name: string): string => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    return join(folder, name)
  }
  const path = inFolder(file)
  writeFileSync(path, '')
  for (const name of ['input', ...links]) linkSync(path, inFolder(name)) // `input`: for who starts this
  for (const [name, content] of Object.entries(beside)) writeFileSync(inFolder(name), content)
  return { path, write: bytes => writeFileSync(path, bytes) }
}

await main(JSON.parse(process.argv[2] ?? '') as ChildTask)
