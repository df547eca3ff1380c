/** @file Mix transformers under the names of Hugging Face and of MMSegmentation as SegFormer's own. Rows are joined and parted as bytes, so pure. */
import type { TensorData } from '../../io/tensor-data.ts'

type Weights = ReadonlyMap<string, TensorData>

export interface KnownMit {
  readonly weights: Weights
  /** What was changed, in words. */
  readonly changed: readonly string[]
}

/** The prefixes of both; each name of an anchor is of the first stage's patches. */
const ANCHORS = {
  huggingFace: /^(.*\.)?patch_embeddings\.0\.proj\.weight$/,
  mmsegmentation: /^(.*\.)?layers\.0\.0\.projection\.weight$/,
}

/** Under SegFormer's names; the same weights where their names are others. */
export function knownMitNames(weights: Weights): KnownMit {
  const names = [...weights.keys()]
  const prefixOf = (anchor: RegExp): string | undefined => {
    const found = names.map(name => anchor.exec(name)).find(match => match !== null)
    return found === undefined ? undefined : (found[1] ?? '')
  }
  const hugging = prefixOf(ANCHORS.huggingFace)
  if (hugging !== undefined)
    return { weights: fromHuggingFace(weights, hugging), changed: ["Hugging Face's names"] }
  const open = prefixOf(ANCHORS.mmsegmentation)
  if (open !== undefined)
    return { weights: fromMmsegmentation(weights, open), changed: ["MMSegmentation's names"] }
  return { weights, changed: [] }
}

/** transformers: modeling_segformer.py */
function fromHuggingFace(weights: Weights, prefix: string): Weights {
  const named = new Map<string, TensorData>()
  for (const [name, value] of weights) {
    if (!name.startsWith(prefix)) {
      named.set(name.replace(/^classifier\./, 'head.'), value)
      continue
    }
    const own = name
      .slice(prefix.length)
      .replace(/^patch_embeddings\.(\d)\.proj\./, (_, stage: string) => `patch_embed${next(stage)}.proj.`)
      .replace(
        /^patch_embeddings\.(\d)\.layer_norm\./,
        (_, stage: string) => `patch_embed${next(stage)}.norm.`,
      )
      .replace(/^layer_norm\.(\d)\./, (_, stage: string) => `norm${next(stage)}.`)
      .replace(/^block\.(\d)\./, (_, stage: string) => `block${next(stage)}.`)
      .replace(/\.layer_norm_([12])\./, '.norm$1.')
      .replace('.attention.self.query.', '.attn.q.')
      .replace('.attention.self.sr.', '.attn.sr.')
      .replace('.attention.self.layer_norm.', '.attn.norm.')
      .replace('.attention.output.dense.', '.attn.proj.')
      .replace(/\.mlp\.dense([12])\./, '.mlp.fc$1.')
    named.set(own, value)
  }
  for (const [name, key] of [...named]) {
    if (!name.includes('.attention.self.key.')) continue
    const theirs = name.replace('.key.', '.value.')
    const value = named.get(theirs)
    if (value === undefined) continue
    named.set(name.replace('.attention.self.key.', '.attn.kv.'), joinedRows(key, value))
    named.delete(name)
    named.delete(theirs)
  }
  return named
}

/** The other way round than MMSegmentation's mit2mmseg.py: q, k and v are one matrix there, linear layers 1 x 1 convolutions. */
function fromMmsegmentation(weights: Weights, prefix: string): Weights {
  const named = new Map<string, TensorData>()
  for (const [name, value] of weights) {
    const own = name.startsWith(prefix) ? name.slice(prefix.length) : name
    const [, stage, kind, rest] = /^layers\.(\d)\.([012])\.(.+)$/.exec(own) ?? []
    if (stage === undefined || rest === undefined) named.set(own, value)
    else if (kind === '0')
      named.set(`patch_embed${next(stage)}.${rest.replace(/^projection\./, 'proj.')}`, value)
    else if (kind === '2') named.set(`norm${next(stage)}.${rest}`, value)
    else putBlock(named, `block${next(stage)}.`, rest, value)
  }
  return named
}

function putBlock(named: Map<string, TensorData>, block: string, rest: string, value: TensorData): void {
  const [, index, part] = /^(\d+\.)attn\.attn\.in_proj_(weight|bias)$/.exec(rest) ?? []
  const rows = value.shape[0]!
  if (index !== undefined && rows % 3 === 0) {
    named.set(`${block}${index}attn.q.${part}`, rowsOf(value, 0, rows / 3))
    named.set(`${block}${index}attn.kv.${part}`, rowsOf(value, rows / 3, rows))
    return
  }
  const own = rest
    .replace('.attn.attn.out_proj.', '.attn.proj.')
    .replace('.ffn.layers.0.', '.mlp.fc1.')
    .replace('.ffn.layers.1.', '.mlp.dwconv.dwconv.')
    .replace('.ffn.layers.4.', '.mlp.fc2.')
  const isLinear = /\.mlp\.fc[12]\.weight$/.test(own) && value.shape.length === 4
  named.set(block + own, isLinear ? { ...value, shape: value.shape.slice(0, 2) } : value)
}

/** Stages count from 0 there. */
const next = (stage: string): number => Number(stage) + 1

function rowsOf({ dtype, shape, data }: TensorData, from: number, to: number): TensorData {
  const row = data.byteLength / shape[0]!
  return { dtype, shape: [to - from, ...shape.slice(1)], data: data.subarray(from * row, to * row) }
}

function joinedRows(first: TensorData, second: TensorData): TensorData {
  const data = new Uint8Array(first.data.byteLength + second.data.byteLength)
  data.set(first.data)
  data.set(second.data, first.data.byteLength)
  return { dtype: first.dtype, shape: [first.shape[0]! + second.shape[0]!, ...first.shape.slice(1)], data }
}
