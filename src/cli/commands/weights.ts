/** @file `tagmask weights`: lists, fetches, inspects and converts files of weights. */
import { buildCommand, buildRouteMap, type RouteMap } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { NAMED_WEIGHTS, namedWeight } from '../../models/named-weights.ts'
import { nearestName } from '../../nearest-name.ts'
import { inspectionText } from '../../pipeline/inspect/inspection-text.ts'
import { convertWeights } from '../../pipeline/weights/convert-weights.ts'
import { fetchNamed } from '../../pipeline/weights/fetch-named.ts'
import { inspectWeights } from '../../pipeline/weights/inspect-weights.ts'
import { presentWeights } from '../../pipeline/weights/weight-cache.ts'
import { listWeights, weightsText } from '../../pipeline/weights/weight-list.ts'
import type { CliContext } from '../context.ts'
import { proposeWeights } from '../proposals.ts'
import { type OutputFlags, profileFlag } from '../run-flags.ts'

const json = {
  json: { kind: 'boolean', optional: true, withNegated: false, brief: 'As JSON, for programs' },
} as const
const text = (value: string) => value

const list = buildCommand<{ readonly json?: boolean }, [], CliContext>({
  docs: {
    brief: 'List the named weights: address, size, checksum, licence',
    fullDescription: `Names stand for files in --weights and in every key of a recipe that names weights: they are fetched when a run needs them.
What is not published (sizes of most, the checksum of one) is said to be so.

Examples:
  tagmask weights list
  tagmask weights list --json`,
  },
  parameters: { flags: json },
  async func({ json = false }) {
    const weights = await listWeights()
    this.process.stdout.write(`${json ? JSON.stringify(weights, null, 2) : weightsText(weights)}\n`)
  },
})

const fetchCommand = buildCommand<Pick<OutputFlags, 'profile'>, string[], CliContext>({
  docs: {
    brief: 'Fetch named weights into the cache, as a run would',
    fullDescription: `Resumes a download that was stopped, compares the published checksum, and says what to do by hand without a network. The cache is
$TAGMASK_CACHE, else tagmask/weights in $XDG_CACHE_HOME or ~/.cache. $TAGMASK_MIRROR is an address that serves the same file names.

Examples:
  tagmask weights fetch deit-s
  TAGMASK_CACHE=/mnt/weights tagmask weights fetch deit-s mit-b1`,
  },
  parameters: {
    flags: profileFlag,
    positional: {
      kind: 'array',
      minimum: 1,
      parameter: {
        parse: text,
        placeholder: 'NAME',
        brief: 'A name of tagmask weights list',
        proposeCompletions: proposeWeights,
      },
    },
  },
  async func({ profile }, ...names) {
    const log = this.openLog({ profile })
    const weights = names.map(known)
    for (const weight of weights) {
      const path = await fetchNamed(weight, { log, signal: this.signal })
      log.tell(`${weight.name}: ${path}`, { name: weight.name, file: path })
    }
  },
})

interface InspectFlags extends Pick<OutputFlags, 'profile'> {
  readonly names?: boolean
}

const inspect = buildCommand<InspectFlags, [string], CliContext>({
  docs: {
    brief: 'What a file of weights is: network, method, classes, patches, normalisation',
    fullDescription: `By its names and shapes: .safetensors, .pth, .pt, .bin, .npz, or the *.index.json of several files. Says which recipe keys fit it, how
its pixels were normalised, and what its names cannot tell.

Examples:
  tagmask weights inspect deit_small_patch16_224-cd65a155.pth
  tagmask weights inspect runs/mctformer_demo/checkpoints/last.safetensors --names`,
  },
  parameters: {
    flags: {
      names: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Also each tensor: name, type, shape',
      },
      ...profileFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: text, placeholder: 'FILE', brief: 'File of weights, or a name that is fetched already' },
      ],
    },
  },
  async func({ names = false, profile }, file) {
    this.openLog({ profile })
    this.process.stdout.write(`${inspectionText(await inspectWeights(presentWeights(file)), { names })}\n`)
  },
})

interface ConvertFlags extends Pick<OutputFlags, 'profile'> {
  readonly 'keep-names'?: boolean
  readonly generation?: string
}

const convert = buildCommand<ConvertFlags, [string, string], CliContext>({
  docs: {
    brief: 'Write weights as safetensors, under the names of tagmask',
    fullDescription: `Vision and mix transformers of Google, timm, Hugging Face and MMSegmentation get the names of DeiT and SegFormer, wrappers' prefixes go,
and LayerScale is folded in. OUT is written whole or not at all; a file that no conversion made is never written over. What names do
not tell (a WeakTr is V2 or V3) has to be said.

Examples:
  tagmask weights convert pytorch_model.bin deit_small.safetensors
  tagmask weights convert model.safetensors.index.json whole.safetensors --keep-names
  tagmask weights convert checkpoint_best_mIoU.pth weaktr.safetensors --generation v3`,
  },
  parameters: {
    flags: {
      'keep-names': {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Another format alone: all tensors as they are',
      },
      generation: {
        kind: 'parsed',
        parse: text,
        optional: true,
        placeholder: 'GENERATION',
        brief: 'Where names fit several: v2 or v3 of a WeakTr',
      },
      ...profileFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: text, placeholder: 'IN', brief: 'File of weights, or a name that is fetched already' },
        { parse: text, placeholder: 'OUT', brief: 'File to write, .safetensors' },
      ],
    },
  },
  async func({ 'keep-names': keepNames = false, generation, profile }, input, output) {
    const log = this.openLog({ profile })
    await convertWeights(presentWeights(input), output, { keepNames, generation, log })
  },
})

/** Throws InputError for an unknown name. */
function known(name: string) {
  const weight = namedWeight(name)
  if (weight !== undefined) return weight
  const names = NAMED_WEIGHTS.map(weight => weight.name)
  const near = nearestName(name, names)
  throw new InputError(name, 'there are no weights of this name', {
    expected: near === undefined ? `names are ${names.join(', ')}` : `did you mean ${near}?`,
  })
}

export const weights: RouteMap<CliContext> = buildRouteMap({
  routes: { list, fetch: fetchCommand, inspect, convert },
  docs: {
    brief: 'List, fetch, inspect and convert weights',
    fullDescription: `docs/weights.md has every form of file that is read.

Examples:
  tagmask weights list
  tagmask weights fetch deit-s
  tagmask weights inspect deit_small_patch16_224-cd65a155.pth
  tagmask weights convert pytorch_model.bin deit_small.safetensors`,
  },
})
