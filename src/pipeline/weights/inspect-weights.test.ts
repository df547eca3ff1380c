import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tagmask } from '../../../test/command-line.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { writeSafetensors } from '../../io/safetensors.ts'
import { fromFloat32, type TensorData } from '../../io/tensor-data.ts'
import { vitShapes } from '../../models/vit/own-names.ts'

async function inspected(
  names: readonly (readonly [string, readonly number[]])[],
  ...flags: string[]
): Promise<string> {
  const file = join(await temporaryFolder({}), 'a.safetensors')
  const weights = names.map(([name, shape]): [string, TensorData] => [
    name,
    fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape),
  ])
  await writeSafetensors(file, new Map(weights))
  const { out, code, err } = await tagmask('weights', 'inspect', file, ...flags)
  expect([code, err]).toEqual([0, ''])
  return out
}

const DEIT = [...vitShapes({ depth: 12, width: 192, hidden: 768, patch: 16 })].map(
  ([name, { shape }]) => [`module.${name}`, name === 'pos_embed' ? [1, 197, 192] : shape] as const,
)

test('a file has facts, modules, and names where they are asked for', async () => {
  expect(await inspected(DEIT)).toBe(`150 tensors, 5.52 M values; a vision transformer, as DeiT: deit-ti
  recipe   model.width=deit-ti, model.patchSize=16, model.imageSize=224
  patches  16 pixels, 14 x 14 of them (images of 224)
  pixels   mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]: ImageNet's; timm's and Google's augreg transformers have the same names, and 0.5 and 0.5

  module.cls_token    192
  module.pos_embed    37,824
  module.patch_embed  147,648
  module.blocks       5,338,368
  module.norm         384
`)
  expect(await inspected(DEIT, '--names')).toContain('  module.blocks.11.norm1.weight      float32 [192]')
})

test('what the file lacks or has besides, for what it says it is, is said', async () => {
  expect(await inspected(DEIT)).not.toContain('  odd ')
  const odd = DEIT.filter(([name]) => name !== 'module.blocks.3.attn.qkv.weight').map(([name, shape]) =>
    name === 'module.blocks.4.mlp.fc1.bias' ? ([name, [5]] as const) : ([name, shape] as const),
  )
  expect(await inspected([...odd, ['module.foo.bar', [3]], ['module.head.weight', [1000, 192]]])).toContain(
    '  odd      lacks 1 weights of the vision transformer: blocks.3.attn.qkv.weight; ' +
      '1 of another shape: blocks.4.mlp.fc1.bias [5] for [768]; 1 unknown: foo.bar\n',
  )
})

test('what names cannot tell is said', async () => {
  const out = await inspected([...DEIT, ['module.adaptive_attention_fusion.attn_head_ffn.0.weight', [4, 36]]])
  expect(out).toContain(
    "; WeakTr's CAM network V2 or V3: deit-ti\n  method   weaktr\n  recipe   model.fusion.reduction=9, ",
  )
  expect(out).toContain(
    '  open     is a WeakTr V2 or V3, which have the same names and compute different things\n',
  )
})

test('names of networks that nothing here has, and those that nobody knows', async () => {
  expect(await inspected([['layers.0.blocks.0.norm1.weight', [2]]])).toContain(
    '1 tensor, 2 values; the file seems to hold a Swin transformer\n',
  )
  expect(
    await inspected([
      ['a', [2]],
      ['b', [3]],
    ]),
  ).toBe('2 tensors, 5 values; of no network that is known here\n\n  a  2\n  b  3\n')
})

test('a page is no file of weights, a name that is not fetched says how', async () => {
  const page = join(await temporaryFolder({ 'page.pth': '<html>' }), 'page.pth')
  expect((await tagmask('weights', 'inspect', page)).err).toContain('is a web page, not weights')
  for (const args of [
    ['inspect', 'deit-b-384'],
    ['convert', 'deit-b-384', 'out.safetensors'],
  ])
    expect((await tagmask('weights', ...args)).err).toBe(
      'error: deit-b-384: is not in the cache; tagmask weights fetch deit-b-384\n',
    )
})
