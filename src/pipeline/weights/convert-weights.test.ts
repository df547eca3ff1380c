import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { legacyCheckpoint, zipCheckpoint } from '../../../test/checkpoints.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { readSafetensors, writeSafetensors } from '../../io/safetensors.ts'
import { fromFloat32, type TensorData, toFloat32Array } from '../../io/tensor-data.ts'
import { VisionTransformer } from '../../models/vit/index.ts'
import { manualSeed } from '../../torch/index.ts'
import { createLog } from '../../train/log.ts'
import { convertWeights } from './convert-weights.ts'
import { inspectWeights } from './inspect-weights.ts'

type Weights = Map<string, TensorData>
const ones = (...shape: number[]): TensorData =>
  fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape)

function deit(): Weights {
  manualSeed(0)
  const network = new VisionTransformer({
    embedDim: 8,
    depth: 2,
    heads: 2,
    patchSize: 4,
    mlpRatio: 4,
    dropPath: 0,
    imageSize: 16,
  })
  const weights = new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()] as const))
  network.dispose()
  return weights
}

async function converted(input: Buffer, options: Parameters<typeof convertWeights>[2] = {}) {
  const folder = await temporaryFolder({ 'in.pth': input })
  const [from, to] = [join(folder, 'in.pth'), join(folder, 'out.safetensors')]
  await convertWeights(from, to, options)
  return { ...(await readSafetensors(to)), from, to }
}

describe('a file becomes safetensors', () => {
  test.each([
    ['zip', zipCheckpoint],
    ['legacy', legacyCheckpoint],
  ] as const)('%s, without its wrapper', async (_, write) => {
    const weights = deit()
    const wrapped = new Map([...weights].map(([name, value]) => [`module.${name}`, value]))
    const { tensors, metadata } = await converted(write(wrapped, { under: 'model' }))
    expect([...tensors.keys()].sort()).toEqual([...weights.keys()].sort())
    for (const [name, value] of weights)
      expect([...toFloat32Array(tensors.get(name)!)]).toEqual([...toFloat32Array(value)])
    expect(metadata).toEqual({ 'tagmask.converted': 'in.pth' })
  })

  test('with LayerScale folded in, or as it was', async () => {
    const weights = deit()
      .set('blocks.0.ls1.gamma', fromFloat32(new Float32Array(8).fill(2)))
      .set('mask_token', ones(1, 8))
    const { tensors, metadata } = await converted(zipCheckpoint(weights))
    expect(tensors.has('blocks.0.ls1.gamma')).toBe(false)
    expect([...toFloat32Array(tensors.get('blocks.0.attn.proj.weight')!)]).toEqual(
      [...toFloat32Array(weights.get('blocks.0.attn.proj.weight')!)].map(value => 2 * value),
    )
    expect(JSON.parse(metadata['tagmask.normalise']!)).toEqual({
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    })
    const plain = await converted(zipCheckpoint(weights), { keepNames: true })
    expect(plain.tensors.has('blocks.0.ls1.gamma')).toBe(true)
  })

  test('of another function is refused, and nothing is written', async () => {
    const weights = deit().set('register_tokens', ones(1, 4, 8))
    await expect(converted(zipCheckpoint(weights))).rejects.toThrow(
      'register tokens take part in every attention',
    )
  })

  test('with gaps or faulty shapes is refused, unknown names are a warning', async () => {
    const lines: string[] = []
    const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
    const weights = deit().set('foo.bar', ones(3))
    expect((await converted(zipCheckpoint(weights), { log })).tensors.has('foo.bar')).toBe(true)
    expect(lines[0]).toMatch(/^warning: .*in\.pth: 1 unknown: foo\.bar; written as in the file\n$/)
    weights.set('blocks.1.mlp.fc1.bias', ones(5))
    const shape = '1 of another shape: blocks.1.mlp.fc1.bias [5] for [32]; 1 unknown: foo.bar'
    await expect(converted(zipCheckpoint(weights))).rejects.toThrow(
      `in.pth: the weights do not fit the network: ${shape}; a complete file of one network, or --keep-names`,
    )
    weights.delete('blocks.0.attn.qkv.weight')
    await expect(converted(zipCheckpoint(weights))).rejects.toThrow(
      `in.pth: lacks 1 weights of the vision transformer: blocks.0.attn.qkv.weight; ${shape}`,
    )
    expect((await converted(zipCheckpoint(weights), { keepNames: true, log })).tensors.size).toBe(
      weights.size,
    )
    expect(lines.at(-2)).toContain(`warning: `)
  })

  test('without a tensor is refused', async () => {
    const folder = await temporaryFolder({})
    const from = join(folder, 'none.safetensors')
    await writeSafetensors(from, new Map())
    await expect(convertWeights(from, join(folder, 'out.safetensors'))).rejects.toThrow(
      'none.safetensors: holds no tensors; a .safetensors',
    )
  })

  test('a WeakTr V2 or V3 has to be said, and is then known', async () => {
    const weights = deit()
    weights.set('cls_token', ones(1, 3, 8)).set('head.weight', ones(3, 8, 3, 3))
    weights.set('adaptive_attention_fusion.attn_head_ffn.0.weight', ones(2, 4))
    const input = zipCheckpoint(weights)
    await expect(converted(input)).rejects.toThrow(
      'in.pth: is a WeakTr V2 or V3, which have the same names and compute different things; give --generation v2 or v3',
    )
    await expect(converted(input, { generation: 'v4' })).rejects.toThrow('give --generation v2 or v3')
    const { to, metadata } = await converted(input, { generation: 'v2' })
    expect(metadata['weaktr.generation']).toBe('v2')
    expect((await inspectWeights(to)).recognised?.network).toBe(
      "WeakTr's CAM network V2: 2 blocks of width 8",
    )
    await expect(converted(zipCheckpoint(deit()), { generation: 'v2' })).rejects.toThrow(
      '--generation: has no effect on',
    )
  })
})

describe('nothing is lost', () => {
  test('a file that no conversion made stays; one that did is replaced', async () => {
    const folder = await temporaryFolder({ 'in.pth': zipCheckpoint(deit()), 'mine.safetensors': 'mine' })
    const [from, mine, out] = ['in.pth', 'mine.safetensors', 'out.safetensors'].map(name =>
      join(folder, name),
    ) as [string, string, string]
    await expect(convertWeights(from, mine)).rejects.toThrow(
      `${mine}: is there already, and no conversion made it; another name`,
    )
    expect(await readFile(mine, 'utf8')).toBe('mine')
    await writeSafetensors(mine, deit(), { classes: '["cat"]' })
    await expect(convertWeights(from, mine)).rejects.toThrow('no conversion made it')
    await convertWeights(from, out)
    await writeFile(from, legacyCheckpoint(new Map([['a', ones(1)]])))
    await convertWeights(from, out)
    expect([...(await readSafetensors(out)).tensors.keys()]).toEqual(['a'])
  })

  test('the input is never the output', async () => {
    const folder = await temporaryFolder({})
    const file = join(folder, 'a.safetensors')
    await writeSafetensors(file, deit())
    await expect(convertWeights(file, file)).rejects.toThrow('is the file to convert; another name')
    await expect(convertWeights(file, join(folder, 'a.pth'))).rejects.toThrow(
      'is not a name for safetensors; OUT.safetensors',
    )
  })
})
