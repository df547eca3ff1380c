import type { Command } from '@stricli/core'
import { describe, expect, it } from 'vitest'
import { tagmask } from '../../test/command-line.ts'
import { app } from './app.ts'
import type { CliContext } from './context.ts'

/** Names of the flags of every command, but --help. */
function flagsOf(...path: string[]): string[] {
  let target: typeof app.root | undefined = app.root
  for (const name of path)
    target = 'getRoutingTargetForInput' in target! ? target.getRoutingTargetForInput(name) : undefined
  return Object.keys((target as Command<CliContext>).parameters.flags ?? {})
}

const [DATA, PLACE, REDO] = ['data tags strict', 'name runs', 'force resume-with-changes']
const MACHINE = 'device precision threads'
const STAGE = `${DATA} set ${PLACE} ${REDO} quiet json profile`

describe('a command has the flags with an effect on it, and no others', () => {
  it.each([
    ['run', `${STAGE} weights checkpoint select ${MACHINE} seed dry-run report`],
    ['autoencoder', `${STAGE} ${MACHINE} seed`],
    ['train', `${STAGE} weights select ${MACHINE} seed`],
    ['maps', `${STAGE} checkpoint select ${MACHINE} shard`],
    ['evaluate', STAGE],
    ['result', STAGE],
    ['affinity', `${STAGE} ${MACHINE} seed`],
    ['refine', `${STAGE} ${MACHINE} shard method images out alpha parameters`],
    ['segment', `${STAGE} ${MACHINE} seed`],
    ['predict', `${STAGE} ${MACHINE} shard images out crf overlays`],
    ['report', 'data runs watch quiet json profile'],
    [
      'ablate',
      `${DATA} set ${PLACE} ${MACHINE} weights checkpoint select resume-with-changes quiet json profile seeds seeds-of variants variant`,
    ],
    ['inspect', 'size classes set names runs profile'],
    ['demo', `data set ${PLACE} ${REDO} select ${MACHINE} seed dry-run report quiet json profile`],
    ['weights list', 'json'],
    ['weights fetch', 'profile'],
    ['weights inspect', 'names profile'],
    ['weights convert', 'keep-names generation profile'],
    ['runs list', 'runs json'],
    ['runs compare', 'runs json'],
    ['runs remove', 'runs yes'],
    ['data check', 'layout tags split classes recipe all json profile'],
    ['data tags', 'out tags split profile'],
    ['data demo', 'out images val size seed profile'],
    ['recipes', 'method json'],
    ['setup', 'libtorch'],
    ['completion', ''],
    ['doctor', 'profile'],
  ])('%s', (name, flags) => {
    expect(flagsOf(...name.split(' ')).sort()).toEqual(flags.split(' ').filter(Boolean).sort())
  })
})

it('others are refused as unknown', async () => {
  const { code, err } = await tagmask('evaluate', 'x', '--weights', 'deit.pth')
  expect({ code, err }).toEqual({ code: 2, err: 'there is no flag --weights (--help lists all)\n' })
  expect((await tagmask('train', 'x', '--shard', '1/2')).err).toBe(
    'there is no flag --shard here: maps, refine, predict and export have it (--help lists all)\n',
  )
  expect((await tagmask('report', 'x', '--force')).err).toBe('there is no flag --force (--help lists all)\n')
})

it('--shard is i/n, from 1', async () => {
  expect((await tagmask('maps', 'x', '--shard', '0/8')).err).toBe(
    '--shard 0/8: expected i/n with i from 1 to n, as in 2/8; where indices count from 0, add 1 (--help lists all)\n',
  )
  expect(await tagmask('maps', 'mctformer_demo', '--shard', '1/8', '--force')).toMatchObject({
    code: 1,
    err: 'error: --force: has no effect with --shard: a shard keeps what the others have made; leave it out; to make the files of maps anew, delete them first\n',
  })
})

it('--select is for weights of a training', async () => {
  expect(await tagmask('maps', 'mctformer_demo', '--checkpoint', 'a.pth', '--select', 'tags')).toMatchObject({
    code: 1,
    err: 'error: --select: has no effect with --checkpoint; leave it out\n',
  })
})
