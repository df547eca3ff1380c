/** @file What a file of weights is: each method and each network knows its own. Imports no torch. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Normalisation } from '../../data/transforms/normalise.ts'
import { InputError } from '../../errors.ts'
import { readSafetensorsHeader } from '../../io/safetensors.ts'
import { readWeights } from '../../io/weights.ts'
import { METHODS } from '../../methods/list.ts'
import { recogniseMit } from '../../models/mit/recognise.ts'
import { recogniseResnet } from '../../models/recognise-resnets.ts'
import type { ProposedNormalisation, Recognised, Shapes } from '../../models/recognised.ts'
import { recogniseSegmenter } from '../../models/segmenter/recognise.ts'
import { recogniseVit } from '../../models/vit/recognise.ts'
import { cachedWeight } from './weight-cache.ts'

type Metadata = Readonly<Record<string, string>>

/** In the metadata of converted files: `{"mean": [...], "std": [...]}`. */
export const NORMALISE_KEY = 'tagmask.normalise'

/** Whole networks first, then backbones; undefined for names that are not known here. */
export function identify(weights: Shapes, metadata: Metadata = {}): Recognised | undefined {
  for (const { recognise } of METHODS) {
    const found = recognise(weights, metadata)
    if (found !== undefined) return found
  }
  for (const recognise of [recogniseSegmenter, recogniseResnet, recogniseMit, recogniseVit]) {
    const found = recognise(weights)
    if (found !== undefined) return found
  }
  return undefined
}

/** Names and shapes, and the metadata of a safetensors file; other files are read whole. Throws InputError. */
export async function weightFacts(file: string): Promise<{ weights: Shapes; metadata: Metadata }> {
  const metadata = await metadataOf(file)
  if (metadata === undefined) return { weights: await readWeights(file), metadata: {} }
  const { entries } = await readSafetensorsHeader(file)
  return { weights: entries, metadata }
}

/** Of a safetensors file; undefined for others. */
export async function metadataOf(file: string): Promise<Metadata | undefined> {
  const header = await readSafetensorsHeader(file).catch((error: unknown) => {
    if (error instanceof InputError) return undefined
    throw error
  })
  return header?.metadata
}

/**
 * The normalisation that belongs to the weights: published for named ones, written by tagmask, beside the file as Hugging
 * Face and timm write it (preprocessor_config.json, config.json), or by what they are.
 */
export async function normalisationOf(
  file: string,
  { weights, metadata }: { weights: Shapes; metadata: Metadata },
): Promise<ProposedNormalisation | undefined> {
  const named = cachedWeight(file)
  if (named !== undefined) return { ...named.normalisation, words: `that of ${named.name}` }
  const written = parsed(metadata[NORMALISE_KEY])
  if (written !== undefined) return { ...written, words: 'as the file says' }
  for (const name of ['preprocessor_config.json', 'config.json']) {
    const text = await readFile(join(dirname(file), name), 'utf8').catch(() => undefined)
    const beside = parsed(text)
    if (beside !== undefined) return { ...beside, words: `as ${name} beside it says` }
  }
  return identify(weights, metadata)?.normalisation
}

/** Of our own JSON, of Hugging Face's, of timm's; undefined for other texts. */
function parsed(text: string | undefined): Normalisation | undefined {
  if (text === undefined || text.length > 1e6) return undefined
  try {
    const json = JSON.parse(text) as Record<string, unknown> | null
    const timm = json?.pretrained_cfg as Record<string, unknown> | undefined
    const [mean, std] = [
      json?.mean ?? json?.image_mean ?? timm?.mean,
      json?.std ?? json?.image_std ?? timm?.std,
    ]
    return isColour(mean) && isColour(std) && std.every(value => value > 0) ? { mean, std } : undefined
  } catch {
    return undefined
  }
}

function isColour(value: unknown): value is [number, number, number] {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)
}
