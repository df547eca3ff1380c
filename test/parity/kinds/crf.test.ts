import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readSafetensors } from '../../../src/io/safetensors.ts'
import { checkCamCrf, checkCrf } from './crf.ts'

const own = (name: string): string => new URL(`../fixtures/${name}.safetensors`, import.meta.url).pathname
const shared = (name: string): string =>
  new URL(`../../../../shared/fixtures/${name}.safetensors`, import.meta.url).pathname

describe('the dense CRF gives what pydensecrf gives', () => {
  test.for([
    ['crf_2', 18],
    ['crf_3', 6],
    ['crf_21', 2],
    ['crf_labels', 11],
  ] as const)('%s', async ([name, outputs]) => {
    const comparisons = await checkCrf(await readSafetensors(own(name)))
    expect(comparisons.filter(({ ok }) => !ok)).toEqual([])
    expect(comparisons).toHaveLength(outputs)
  })
})

describe('CAMs come out of the CRF as MCTformer exports them', () => {
  test.for(['mctformer_v1_cam', 'mctformer_v2_cam'])('%s', async (name, { skip }) => {
    const path = [own(name), shared(name)].find(file => existsSync(file))
    if (path === undefined)
      return skip(`${name} is neither in test/parity/fixtures nor in ../shared/fixtures`)
    const comparisons = await checkCamCrf(await readSafetensors(path))
    expect(comparisons.filter(({ ok }) => !ok)).toEqual([])
    expect(comparisons).toHaveLength(8)
  })
})
