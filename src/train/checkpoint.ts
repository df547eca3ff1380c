/** @file A checkpoint is one safetensors file: weights, optimiser, random states, position in the epoch, and a hash of it all. */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { InputError, TagmaskError } from '../errors.ts'
import { textOf } from '../io/printable.ts'
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '../io/safetensors.ts'
import { CHECKSUM_KEY } from '../io/safetensors-checksum.ts'
import type { TensorData } from '../io/tensor-data.ts'
import type { Module } from '../nn/index.ts'
import type { Optimiser } from '../optim/index.ts'
import { fromData, ops, randomState, scope, setRandomState, type Tensor } from '../torch/index.ts'
import { checkpointFiles } from './checkpoint-files.ts'
import { firstNotFinite } from './finite.ts'
import { formatPosition, type Plan, type Position, parsePosition } from './position.ts'

export interface TrainingState {
  readonly network: Module
  readonly optimiser: Optimiser
  /** Tensors besides the network that steps read and write. */
  readonly memory?: ReadonlyMap<string, Tensor> | undefined
  /** Device of the training; a GPU has its own random state. */
  readonly device: string
}

/** Weights or running averages hold NaN or infinity. Nothing was written; the checkpoint before is whole. */
export class NotFiniteError extends TagmaskError {
  override readonly name = 'NotFiniteError'
}

export { checkpointFiles, hasOnlyWeights } from './checkpoint-files.ts'

const NOT_AS_WRITTEN = 'does not have the bytes that were written'
const HASH = 'stateSha256'

/**
 * Writes the state by atomic rename: killed at any moment, the old or the new file is whole. Throws NotFiniteError
 * in place of writing NaN or infinity.
 */
export async function saveState(
  folder: string,
  { network, optimiser, memory = new Map(), device }: TrainingState,
  position: Position,
): Promise<void> {
  const { tensors, steps } = optimiser.state()
  const weights = network.stateDict()
  const broken = firstNotFinite(weights) ?? firstNotFinite(tensors) ?? firstNotFinite(memory)
  if (broken !== undefined) throw new NotFiniteError(broken)
  const all = new Map([
    ...prefixed('network', weights),
    ...prefixed('optimiser', tensors),
    ...prefixed('memory', memory),
    ...randomDevices(device).map(
      name => [`random.${kindOf(name)}`, scope(() => randomState(name).toData())] as const,
    ),
  ])
  const metadata = { position: formatPosition(position), steps: String(steps) }
  await writeSafetensors(checkpointFiles(folder).state, all, { ...metadata, [HASH]: hashOf(all, metadata) })
}

/**
 * Loads a saved state and returns its position; undefined when there is none. Throws InputError naming the file when
 * it is damaged or of another training.
 */
export async function loadState(
  folder: string,
  { network, optimiser, memory = new Map(), device }: TrainingState,
  plan: Plan,
): Promise<Position | undefined> {
  const { state } = checkpointFiles(folder)
  if ((await stat(state).catch(() => undefined)) === undefined) return undefined
  const { tensors, metadata } = await readSafetensors(state).catch((cause: unknown) => {
    if (!(cause instanceof InputError)) throw cause
    if (cause.field === CHECKSUM_KEY) throw unusable(state, NOT_AS_WRITTEN, cause)
    throw unusable(state, cause.message.replace(`${state}: `, ''), cause)
  })
  const position = checkedPosition(state, { tensors, metadata }, plan)
  try {
    network.loadStateDict(unprefixed('network', tensors))
    optimiser.loadState(unprefixed('optimiser', tensors), position.step)
    loadMemory(memory, unprefixed('memory', tensors))
    for (const name of randomDevices(device)) {
      const random = tensors.get(`random.${kindOf(name)}`)
      if (random !== undefined) scope(() => setRandomState(fromData(random), name))
    }
  } catch (cause) {
    throw unusable(state, textOf(cause), cause)
  }
  return position
}

/** Writes the weights alone, with a few words about them as metadata. */
export async function saveWeights(
  file: string,
  network: Module,
  metadata: Record<string, string>,
): Promise<void> {
  await writeSafetensors(file, prefixed(undefined, network.stateDict()), metadata)
}

function checkedPosition(file: string, { tensors, metadata }: SafetensorsFile, plan: Plan): Position {
  const { position, steps, [HASH]: hash } = metadata
  if (position === undefined || steps === undefined || !tensors.has('random.cpu'))
    throw unusable(file, 'is not a checkpoint of a training')
  if (hash === undefined) throw unusable(file, 'has no checksum')
  if (hash !== hashOf(tensors, { position, steps })) throw unusable(file, NOT_AS_WRITTEN)
  const found = parsePosition(position, plan)
  if (typeof found === 'string') throw unusable(file, found)
  if (steps !== String(found.step))
    throw unusable(file, `counts ${steps} steps, and ${found.step} were taken`)
  return found
}

function unusable(file: string, problem: string, cause?: unknown): InputError {
  return new InputError(file, problem, {
    expected: 'training cannot resume from it: delete this file to train from the start',
    cause,
  })
}

/** Throws TagmaskError when names or shapes differ. */
function loadMemory(memory: ReadonlyMap<string, Tensor>, saved: ReadonlyMap<string, TensorData>): void {
  for (const [name, tensor] of memory) {
    const data = saved.get(name)
    if (data === undefined || data.shape.join() !== tensor.shape.join())
      throw new TagmaskError(`its memory ${name} is missing or of another shape`)
    scope(() => void ops.copy_(tensor, fromData(data)))
  }
}

/** The devices whose random states count. */
function randomDevices(device: string): string[] {
  return device === 'cpu' ? ['cpu'] : ['cpu', device]
}

/** A state may be resumed on another GPU of the machine. */
function kindOf(device: string): string {
  return device.split(':')[0]!
}

/** Hash of all names, types, shapes and bytes, and of the position. */
function hashOf(
  tensors: ReadonlyMap<string, TensorData>,
  { position, steps }: { position: string; steps: string },
): string {
  const hash = createHash('sha256')
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, { dtype, shape, data }] of sorted) {
    hash.update(JSON.stringify([name, dtype, shape]))
    hash.update(data)
  }
  hash.update(JSON.stringify([position, steps]))
  return hash.digest('hex')
}

function prefixed(prefix: string | undefined, tensors: ReadonlyMap<string, Tensor>): Map<string, TensorData> {
  return new Map(
    [...tensors].map(([name, tensor]) => [
      prefix === undefined ? name : `${prefix}.${name}`,
      tensor.toData(),
    ]),
  )
}

function unprefixed(prefix: string, tensors: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
  return new Map(
    [...tensors].flatMap(([name, data]) =>
      name.startsWith(`${prefix}.`) ? [[name.slice(prefix.length + 1), data]] : [],
    ),
  )
}
