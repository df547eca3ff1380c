/** @file `tagmask weights convert`: any file of weights as safetensors, under tagmask's names or its own. Loads libtorch to fold layers alone. */
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { writeSafetensors } from '../../io/safetensors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { readWeights } from '../../io/weights.ts'
import { knownMitNames } from '../../models/mit/known-names.ts'
import { recogniseMit } from '../../models/mit/recognise.ts'
import type { Recognised } from '../../models/recognised.ts'
import { torchvisionName } from '../../models/resnet50/weight-names.ts'
import { faultWords } from '../../models/vit/faults.ts'
import { faultsOfFile, refuseFaults } from '../../models/vit/folded-shapes.ts'
import { shapesOfFile } from '../../models/vit/own-names.ts'
import { recogniseVit } from '../../models/vit/recognise.ts'
import { unwrapNames, wrapperOf } from '../../models/weight-names.ts'
import { type Log, silentLog } from '../../train/log.ts'
import { fromHere } from '../run/run-folder.ts'
import { identify, metadataOf, NORMALISE_KEY, normalisationOf } from './identify.ts'

export interface ConvertOptions {
  /** Keep the file's names and tensors as they are. */
  readonly keepNames?: boolean
  /** What the names do not tell, such as v2 or v3 of a WeakTr. */
  readonly generation?: string | undefined
  readonly log?: Log
}

type Weights = ReadonlyMap<string, TensorData>
interface Converted {
  readonly weights: Weights
  readonly changes: readonly string[]
}

/** In the metadata of files that it makes: the name of the file before. Such a file may be written over. */
const MADE = 'tagmask.converted'

/**
 * Writes `output` atomically; what is there stays unless a conversion made it. Throws InputError naming the file: unreadable
 * weights, a network that computes something else, a generation that has to be chosen.
 */
export async function convertWeights(
  input: string,
  output: string,
  { keepNames = false, generation, log = silentLog() }: ConvertOptions = {},
): Promise<void> {
  await checkOutput(input, output)
  const given = await readWeights(input)
  const own = (await metadataOf(input)) ?? {}
  const recognised = identify(given, own)
  const chosen = choice(recognised, generation, input)
  const { weights, changes } = keepNames
    ? { weights: given, changes: [] }
    : await underOwnNames(given, recognised, input)
  checkFaults(given, recognised, { file: input, keepNames, log })
  const normalisation = await normalisationOf(input, { weights: given, metadata: own })
  const { classes } = own
  await writeSafetensors(output, weights, {
    ...(classes !== undefined && { classes }),
    ...chosen,
    ...(normalisation !== undefined &&
      normalisation.doubtful === undefined && {
        [NORMALISE_KEY]: JSON.stringify({ mean: normalisation.mean, std: normalisation.std }),
      }),
    [MADE]: basename(input),
  })
  const words =
    recognised === undefined ? 'of no network that is known here, names as they were' : recognised.network
  log.info(
    `${fromHere(resolve(output))}: ${count(weights.size, 'tensor')}, ${[words, ...changes].join('; ')}`,
  )
}

/** Missing and mis-shaped weights of a vision transformer are refused, with the file's own names a warning, as unknown ones are. */
function checkFaults(
  given: Weights,
  recognised: Recognised | undefined,
  { file, keepNames, log }: { file: string; keepNames: boolean; log: Log },
): void {
  const faults = faultsOfFile(given, { backbone: recognised?.network === recogniseVit(given)?.network })
  if (faults === undefined) return
  if (!keepNames) refuseFaults(faults, { file, expected: 'a complete file of one network, or --keep-names' })
  const words = faultWords(faults)
  if (words.length > 0) log.warn(`${fromHere(resolve(file))}: ${words.join('; ')}; written as in the file`)
}

/** Refuses an output that is no safetensors file, is the input, or that no conversion made. */
async function checkOutput(input: string, output: string): Promise<void> {
  if (!output.endsWith('.safetensors'))
    throw new InputError(output, 'is not a name for safetensors', { expected: 'OUT.safetensors' })
  if (resolve(input) === resolve(output))
    throw new InputError(output, 'is the file to convert', { expected: 'another name' })
  if ((await stat(output).catch(() => undefined)) === undefined) return
  const metadata = await metadataOf(output)
  if (metadata?.[MADE] === undefined)
    throw new InputError(output, 'is there already, and no conversion made it', { expected: 'another name' })
}

function choice(
  recognised: Recognised | undefined,
  generation: string | undefined,
  file: string,
): Readonly<Record<string, string>> {
  const open = recognised?.open
  if (open === undefined) {
    if (generation === undefined) return {}
    throw new InputError(
      '--generation',
      `has no effect on ${file}: ${recognised?.network ?? 'its names are not known'}`,
      {
        expected: 'leave it out',
      },
    )
  }
  if (generation !== undefined && open.values.includes(generation)) return { [open.key]: generation }
  throw new InputError(file, open.problem, { expected: `give --generation ${open.values.join(' or ')}` })
}

async function underOwnNames(
  given: Weights,
  recognised: Recognised | undefined,
  file: string,
): Promise<Converted> {
  const prefix = wrapperOf(given.keys())
  const unwrapped: Weights = new Map([...given].map(([name, value]) => [name.slice(prefix.length), value]))
  const changes = prefix === '' ? [] : [`names without ${prefix}`]
  if (recognised === undefined || recognised.method !== undefined) return { weights: unwrapped, changes }
  if (recogniseMit(given) !== undefined) {
    const { weights, changed } = knownMitNames(given)
    const own = unwrapNames(weights, { anchor: 'patch_embed1.proj.weight', file })
    return {
      weights: own.weights,
      changes: [...changed, ...(own.prefix === '' ? [] : [`names without ${own.prefix}`])],
    }
  }
  if (recogniseVit(given)?.network === recognised.network) return deitNames(given, file)
  const kept = [...unwrapped].flatMap(([name, value]) => {
    const own = unwrapped.has('stage2.0.0.conv1.weight') ? torchvisionName(name) : name
    return own === undefined ? [] : [[own, value] as const]
  })
  const dropped = unwrapped.size - kept.length
  return {
    weights: new Map(kept),
    changes: [
      ...changes,
      ...(dropped === 0 ? [] : [`${count(dropped, 'second name')} of the same tensors left out`]),
    ],
  }
}

async function deitNames(given: Weights, file: string): Promise<Converted> {
  const { plainWeights, unwrapVit } = await import('../../models/vit/plain-weights.ts')
  const unwrapped = unwrapVit(given, { file })
  const own = shapesOfFile(unwrapped.weights) ?? new Map()
  const { weights, folded } = plainWeights(unwrapped, { own, file })
  return { weights, changes: folded }
}
