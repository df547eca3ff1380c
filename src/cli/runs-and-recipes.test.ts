import { access, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { tagmask } from '../../test/command-line.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { generateDemo } from '../data/demo/index.ts'
import { parseRecipe } from '../pipeline/recipe/load.ts'
import { openRunFolder } from '../pipeline/run/run-folder.ts'
import { runCli } from './main.ts'

/** A folder of runs with these. */
async function runsWith(...names: string[]): Promise<string> {
  const runs = await temporaryFolder([])
  for (const name of names) await openRunFolder(join(runs, name), parseRecipe('method: cam\n', 'x'))
  return runs
}

describe('tagmask runs', () => {
  it('lists, also as JSON, and says what it does not find', async () => {
    const runs = await runsWith('thirty', 'sixty')
    const { out } = await tagmask('runs', '--runs', runs)
    expect(out).toMatch(/^next train +cam .* thirty$/m)
    const { runs: listed } = JSON.parse((await tagmask('runs', '--runs', runs, '--json', 'thi')).out) as {
      runs: { name: string }[]
    }
    expect(listed.map(({ name }) => name)).toEqual(['thirty'])
    expect(await tagmask('runs', 'lst', '--runs', runs)).toMatchObject({
      code: 1,
      err: 'error: lst: no run has a name that begins so, and no command of runs is called so; did you mean list?\n',
    })
  })

  it('compares', async () => {
    const runs = await runsWith('a', 'b')
    expect((await tagmask('runs', 'compare', 'a', 'b', '--runs', runs)).out).toBe(
      'the recipes are the same\n\nno scores\n',
    )
    expect((await tagmask('runs', 'compare', 'a', 'c', '--runs', runs)).err).toContain('there is no such run')
  })

  it('removes only with --yes where there is no terminal', async () => {
    const runs = await runsWith('a', 'b')
    const asked = await tagmask('runs', 'remove', 'a', '--runs', runs)
    expect(asked.err).toBe(
      'error: --yes: is not given, and there is no terminal to ask on; nothing was removed; add --yes\n',
    )
    expect(await readdir(runs)).toEqual(['a', 'b'])
    const { out, code } = await tagmask('runs', 'remove', 'a', '--runs', runs, '--yes')
    expect(code).toBe(0)
    expect(out).toMatch(/a: \d\.\d kB in 2 files\nremoved .*a\n$/)
    expect(await readdir(runs)).toEqual(['b'])
  })

  it.each([
    ['y\n', []],
    ['\n', ['a']],
    ['yesterday\n', ['a']],
  ])('on a terminal asks: %j', async (answer, left) => {
    const runs = await runsWith('a')
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    stdin.end(answer)
    let out = ''
    const process = {
      stdin,
      stdout: { write: (text: string) => (out += text), isTTY: true },
      stderr: { write: () => {} },
      env: {},
      on: () => {},
      off: () => {},
      exit: () => {},
    }
    await runCli(['runs', 'remove', 'a', '--runs', runs], { process })
    expect(out).toContain('remove this run? [y/N] ')
    expect(await readdir(runs)).toEqual(left)
  })
})

describe('tagmask recipes', () => {
  it('lists those of a method, shows one, and says what it does not find', async () => {
    const { out } = await tagmask('recipes', '--method', 'cti')
    expect(out).toMatch(/^cti_demo +cti +none/m)
    expect(out).not.toContain('cam_demo')
    expect((await tagmask('recipes', 'photos_cpu')).out).toMatch(/\nmethod: mctformer\n[\s\S]*\ntrain +\d/)
    const found = JSON.parse((await tagmask('recipes', 'photos_cpu', '--json')).out) as { yaml: string }
    expect(found).toMatchObject({ name: 'photos_cpu', weights: ['deit-ti'] })
    expect((await tagmask('recipes', 'photo_cpu')).err).toContain('did you mean photos_cpu?')
    expect((await tagmask('recipes', '--method', 'ct')).err).toBe(
      'error: --method ct: there is no such method; did you mean cti?\n',
    )
  })
})

describe('a run', { timeout: 120_000 }, () => {
  it('with --json is objects to its end, is then found by its name, and with --quiet says little', async () => {
    const folder = await temporaryFolder([])
    await generateDemo(join(folder, 'data'), { images: 8, valImages: 2, size: 32 })
    const runs = join(folder, 'runs')
    await mkdir(runs)
    const small = [
      'data.layout=folder',
      'train.epochs=1',
      'train.validateEvery=0',
      'segment=null',
      'threads=1',
    ]
    const set = [...small, 'refine.method=none', 'maps.scales=[1]', 'model.imageSize=32'].flatMap(one => [
      '--set',
      one,
    ])
    const place = ['--data', join(folder, 'data'), '--runs', runs]
    const first = await tagmask('run', 'cam_demo', ...place, '--name', 'tiny', ...set, '--json')
    expect(first).toMatchObject({ code: 0, err: '' })
    const lines = first.out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const stages = lines
      .filter(({ stage }) => stage !== undefined)
      .map(({ stage, state }) => `${stage} ${state}`)
    expect(stages).toEqual(
      ['train', 'maps', 'evaluate', 'result', 'report'].flatMap(name => [`${name} begins`, `${name} done`]),
    )
    expect(lines.at(-1)).toMatchObject({
      result: {
        worked: ['train', 'maps', 'evaluate', 'result', 'report'],
        scores: [{ metric: 'seed', split: 'train' }],
      },
    })
    const again = await tagmask('run', 'tiny', '--runs', runs, '--quiet')
    expect(again).toMatchObject({ code: 0, err: '' })
    expect(again.out).toMatch(
      /^warning: 6 classes .*\nmIoU: seed \(train\) \d+\.\d\d\nreport: .*report\.html\nmasks: .*result\n$/,
    )
    const rewritten = await tagmask('report', 'tiny', '--runs', runs)
    expect(rewritten.out).toMatch(/report: done in \d+ s\nreport: .*report\.html\n$/)
    await access(join(runs, 'tiny', 'report.html'))
    expect((await tagmask('report', 'tinny', '--runs', runs)).err).toBe(
      'error: tinny: there is no such run; did you mean tiny?\n',
    )
    expect((await tagmask('evaluate', 'tinny', '--runs', runs)).err).toBe(
      'error: tinny: there is no such recipe or run; did you mean tiny?\n',
    )
  })
})
