import { expect, test } from 'vitest'
import { describeLoaded } from './loaded-weights.ts'
import { kindsOf, seemsToHold, unwrapNames } from './weight-names.ts'

test('many names are summarised as few kinds', () => {
  const names = Array.from({ length: 12 }, (_, i) => `blocks.${i}.ls1.gamma`)
  expect(kindsOf([...names, 'register_tokens'])).toBe('blocks.*.ls1.gamma (12), register_tokens')
  expect(kindsOf(['a', 'b', 'c', 'd'], { most: 2 })).toBe('a, b and 2 more')
  expect(kindsOf(['layer1.0.bn1.weight'])).toBe('layer1.0.bn1.weight')
})

test('a name outside the wrapper stays, and does not hide one inside', () => {
  const weights = new Map([
    ['backbone.conv1a.weight', 1],
    ['backbone.head.weight', 2],
    ['head.weight', 3],
    ['other', 4],
  ])
  expect(unwrapNames(weights, { anchor: 'conv1a.weight', file: 'a.pth' })).toEqual({
    weights: new Map([
      ['conv1a.weight', 1],
      ['head.weight', 2],
      ['other', 4],
    ]),
    prefix: 'backbone.',
    others: [],
  })
  const strange = new Map([['w', 1]])
  expect(unwrapNames(strange, { anchor: 'conv1a.weight', file: 'a.pth' })).toEqual({
    weights: strange,
    prefix: '',
    others: [],
  })
})

test.for([
  ['layer1.0.conv1.weight', 'a ResNet'],
  ['backbone.layer1.0.conv1.weight', 'a ResNet'],
  ['conv1a.weight', 'a ResNet38'],
  ['layers.0.blocks.0.norm1.weight', 'a Swin transformer'],
  ['vit.encoder.layer.0.attention.attention.query.weight', "a transformer under Hugging Face's names"],
  ['module.patch_embed.proj.weight', 'a vision transformer'],
  ['module.encoder.patch_embed1.proj.weight', 'a mix transformer (SegFormer)'],
  ['embedding/kernel', "Google's vision transformer (augreg)"],
])('%s is of %s', ([name, what]) => {
  expect(seemsToHold(['x', name!])).toBe(`the file seems to hold ${what}`)
})

test('names that nothing is known of give no guess', () => {
  expect(seemsToHold(['fc.weight'])).toBeUndefined()
})

test('what a file left is said: drawn, folded, harmless in the line, the unknown as a warning', () => {
  const own = new Map([
    ['norm.weight', 1],
    ['head.weight', 1],
  ])
  const names = [
    'norm.weight',
    'head.weight',
    'mask_token',
    'module.head_dist.bias',
    'attn_proj.weight',
    'mystery.weight',
    'pos_embed',
  ]
  expect(
    describeLoaded(
      { missing: ['head.weight'], unexpected: ['mystery.weight', 'mask_token'], folded: ['a folded into b'] },
      { names, own },
    ),
  ).toEqual({
    info: 'drawn: head.weight; a folded into b; without use here: mask_token, head.weight, module.head_dist.bias, attn_proj.weight',
    warning: 'nothing here uses mystery.weight, and what they do is not known',
  })
  expect(describeLoaded({ missing: [], unexpected: [] }, { names: [], own })).toEqual({
    info: 'none drawn',
    warning: undefined,
  })
})
