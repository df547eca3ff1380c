import { spawn, spawnSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { tagmask } from '../../test/command-line.ts'
import { generateDemo } from '../data/demo/index.ts'
import { InputError } from '../errors.ts'
import { packageRoot } from '../io/package-root.ts'
import { Interrupted } from '../pipeline/run/stage.ts'
import { abortOnInterrupt } from './interrupt.ts'
import { errorMessage, exitCodeOf, finalExitCode } from './messages.ts'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  await mkdir(join(folder, 'empty'))
  await writeFile(join(folder, 'bad.yaml'), 'method: mctformer\ntrain:\n  epochs: none\n  bachSize: 3\n')
})

const COMMANDS =
  'run train maps evaluate affinity refine segment predict ablate launch recipes runs inspect weights report demo setup doctor completion'.split(
    ' ',
  )

describe('--help', () => {
  it('lists every command with a sentence', async () => {
    const { code, out } = await tagmask('--help')
    expect(code).toBe(0)
    for (const name of COMMANDS) {
      expect(out).toMatch(new RegExp(`^  ${name} +[A-Z]`, 'm'))
    }
  })

  it.each(COMMANDS)('%s has an example', async name => {
    const { code, out } = await tagmask(name, '--help')
    expect(code).toBe(0)
    expect(out).toContain(`Examples:\n  tagmask ${name}`)
    expect(Math.max(...out.split('\n').map(line => line.length))).toBeLessThan(150)
  })

  it('--version is the version of the package', async () => {
    expect(await tagmask('--version')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })
})

describe('wrong use ends with 2 and one line', () => {
  it.each([
    [['rnu'], 'there is no command rnu; did you mean run?'],
    [
      ['frobnicate'],
      'there is no command frobnicate; commands are run, autoencoder, train, maps, evaluate, affinity, refine, segment, predict, result, report, export, ablate, launch, data, recipes, runs, inspect, weights, demo, setup, doctor, completion',
    ],
    [['run'], 'RECIPE is missing (--help lists all)'],
    [['run', 'a', 'b'], 'unexpected b: only 1 name is expected (--help lists all)'],
    [['doctor', 'x'], 'unexpected x: nothing is expected (--help lists all)'],
    [['run', 'x', '--dta', 'd'], 'there is no flag --dta; did you mean --data? (--help lists all)'],
    [
      ['run', 'x', '--resume-with-change'],
      'there is no flag --resume-with-change; did you mean --resume-with-changes? (--help lists all)',
    ],
    [['run', 'x', '-q'], 'there is no flag -q (--help lists all)'],
    [['run', 'x', '--data'], '--data needs a value (--help lists all)'],
    [['run', 'x', '--precision', 'fp64'], '--precision fp64: expected auto, fp32 or bf16 (--help lists all)'],
    [['run', 'x', '--select', 'miou'], '--select miou: expected last, tags or gt-miou (--help lists all)'],
    [['run', 'x', '--seed', 'five'], '--seed five: Cannot convert five to a number (--help lists all)'],
    [['run', 'x', '--seed', '1', '--seed', '2'], '--seed is given twice: 1 and 2 (--help lists all)'],
    [
      ['refine', 'x', '--method', 'crf', '--parameters', 'mine'],
      '--parameters mine: expected cams, mctformer-masks, weaktr-voc-labels, weaktr-voc-masks, weaktr-coco-masks, labels, semformer-labels, afa-masks (--help lists all)',
    ],
    [
      ['ablate', 'x', '--seeds', '0,0'],
      '--seeds 0,0: expected different whole numbers, as in 0,1,2 (--help lists all)',
    ],
    [
      ['ablate', 'x', '--seeds', 'one'],
      '--seeds one: expected different whole numbers, as in 0,1,2 (--help lists all)',
    ],
  ])('%j', async (args, message) => {
    expect(await tagmask(...args)).toMatchObject({ code: 2, out: '', err: `${message}\n` })
  })
})

describe('bad input ends with 1 and one message without a stack', () => {
  it.each([
    [
      ['run', 'mctformer-v2_deit-s_voc'],
      'error: mctformer-v2_deit-s_voc: there is no such recipe or run; did you mean mctformer-v2_deit-s_voc12?',
    ],
    [
      ['run', 'mctformer_demo', '--set', 'trian.epochs=3'],
      'error: --set trian.epochs=3: there is no key trian; did you mean train.epochs?',
    ],
    [
      ['run', 'mctformer_demo', '--set', 'train.epochs'],
      'error: --set train.epochs: has no value; write --set key=value, as in --set train.epochs=5',
    ],
    [
      ['run', 'mctformer_demo', '--device', 'gpu'],
      'error: --device gpu (device): is "gpu"; expected cpu, cuda or cuda:N',
    ],
    [
      ['run', 'mctformer_demo', '--seed', '-1'],
      'error: --seed -1 (seed): is -1; expected a whole number, at least 0',
    ],
    [
      ['ablate', 'mctformer_demo', '--variant', 'maps.layers'],
      'error: --variant maps.layers: does not begin with a name; write --variant name=key=value,key=value; letters, digits and . _ + - make a name',
    ],
    [
      ['ablate', 'mctformer_demo', '--variants', 'baseline,unets'],
      'error: --variants: there is no variant unets; did you mean unet?',
    ],
    [
      ['run', 'mctformer-v2_deit-s_voc12'],
      'error: --data: is not given; give the folder of images and tags: --data DIR',
    ],
    [
      ['run', 'mctformer_demo', '--name', '../pets'],
      'error: --name "../pets": is a path, not a name; a run is one folder inside --runs: give a plain name, such as first-try',
    ],
    [
      ['ablate', 'mctformer_demo', '--name', 'a/../..'],
      'error: --name "ablate-a/../..": is a path, not a name; a run is one folder inside --runs: give a plain name, such as first-try',
    ],
    [
      ['predict', 'runs/x', '--images', 'photos'],
      'error: --out: is not given; say where the masks go: --out DIR',
    ],
    [['predict', 'runs/x', '--crf'], 'error: --crf: needs --images; say which images: --images DIR'],
    [
      [...'predict /no/such/run --runs /no/such --images photos --out masks'.split(' ')],
      'error: /no/such/run: there is no such run; give the folder of a run, such as runs/NAME',
    ],
    [
      ['refine', 'runs/x', '--alpha', '8'],
      'error: --alpha: is for a folder of CAMs; add --method crf or --method par',
    ],
    [
      ['refine', 'maps', '--method', 'crf', '--out', 'masks'],
      'error: --images: is not given; --method crf needs --images DIR',
    ],
    [
      ['refine', 'maps', '--method', 'par', '--images', '.'],
      'error: --out: is not given; --method par needs --out DIR',
    ],
    [
      [...'refine maps --method par --images . --out masks --parameters'.split(' '), 'labels'],
      'error: --parameters: is for the dense CRF; add --method crf',
    ],
    [
      ['refine', '/no/such/maps', '--method', 'crf', '--images', '.', '--out', '/tmp/masks'],
      'error: /no/such/maps: is no folder that can be listed; give a folder of CAMs (ID.safetensors or ID.npy), such as maps/ of a run',
    ],
    [
      ['report', '/no/such/run', '--runs', '/no/such'], // there may be runs in runs/
      'error: /no/such/run: there is no such run; give the folder of a run, such as runs/NAME',
    ],
  ])('%j', async (args, message) => {
    expect(await tagmask(...args)).toMatchObject({ code: 1, err: `${message}\n` })
  })

  it('lists all that is wrong in a recipe', async () => {
    const { code, err } = await tagmask('run', join(folder, 'bad.yaml'))
    expect(code).toBe(1)
    expect(err.replaceAll(folder, '')).toBe(
      'error: recipe: 2 things are wrong:\n' +
        '  /bad.yaml:3 (train.epochs): is "none"; expected a whole number, at least 1 or null\n' +
        '  /bad.yaml:4 (train.bachSize): there is no key bachSize; did you mean batchSize?\n',
    )
  })

  it('names images or weights that are missing, and leaves no run folder behind', async () => {
    const runs = join(folder, 'runs')
    const missing = await tagmask(
      'run',
      'mctformer-v2_deit-s_voc12',
      '--data',
      join(folder, 'no'),
      '--runs',
      runs,
    )
    expect(missing).toMatchObject({
      code: 1,
      err: expect.stringContaining(`${join(folder, 'no')}: no such folder`),
    })
    const empty = await tagmask(
      'run',
      'mctformer-v2_deit-s_voc12',
      '--data',
      join(folder, 'empty'),
      '--runs',
      runs,
    )
    expect(empty).toMatchObject({
      code: 1,
      err: expect.stringContaining('holds no data set that can be recognised'),
    })
    await generateDemo(join(folder, 'demo'), { images: 2, valImages: 1, size: 32 })
    const demo = ['--data', join(folder, 'demo'), '--set', 'data.layout=folder', '--runs', runs]
    const weights = await tagmask('run', 'mctformer_demo', ...demo, '--weights', join(folder, 'no.pth'))
    expect(weights.err).toBe(
      `error: ${join(folder, 'no.pth')} (weights): there is no such weight file; give a .safetensors or .pth file with --weights, or a name of published weights (tagmask weights list)\n`,
    )
    expect(await readdir(folder)).not.toContain('runs')
  })

  it('takes its signal handlers away again', async () => {
    expect((await tagmask('run')).listeners).toBe(0)
  })
})

it('bin/tagmask says what to do before the set-up', async () => {
  await mkdir(join(folder, 'bin'))
  await copyFile(join(packageRoot(), 'bin', 'tagmask'), join(folder, 'bin', 'tagmask'))
  await writeFile(join(folder, 'package.json'), '{"type": "module"}')
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'bin', 'tagmask'), 'demo'], {
    encoding: 'utf8',
  })
  expect(stderr).toBe(`tagmask is not set up yet: run "npm run setup" in ${await realpath(folder)}\n`)
  expect(status).toBe(1)
})

describe('Ctrl-C', () => {
  it('asks the stage to stop once, then ends at once', () => {
    const events = new EventEmitter()
    const exits: number[] = []
    const told: string[] = []
    const { signal, dispose } = abortOnInterrupt(
      {
        on: (name, listener) => events.on(name, listener),
        off: (name, listener) => events.off(name, listener),
        exit: code => exits.push(code),
      },
      { tell: text => told.push(text) },
    )
    events.emit('SIGINT')
    expect(signal.aborted).toBe(true)
    expect(told).toEqual(['stopping once what is begun is finished and saved; Ctrl-C again stops at once'])
    expect(exits).toEqual([])
    events.emit('SIGINT')
    expect(exits).toEqual([130])
    dispose()
    const listening = ['SIGINT', 'SIGTERM', 'SIGHUP'].map(name => events.listenerCount(name))
    expect(listening).toEqual([0, 0, 0])
  })

  it.each([
    [['SIGHUP', 'SIGHUP', 'SIGTERM'], []],
    [['SIGTERM', 'SIGHUP'], []],
    [['SIGHUP', 'SIGINT'], [130]],
    [['SIGTERM', 'SIGTERM'], [130]],
    [['SIGINT', 'SIGTERM'], [130]],
  ])('%j exits at once: %j', (signals, codes) => {
    const events = new EventEmitter()
    const exits: number[] = []
    const { signal } = abortOnInterrupt(
      {
        on: (name, listener) => events.on(name, listener),
        off: (name, listener) => events.off(name, listener),
        exit: code => exits.push(code),
      },
      { tell: () => {} },
    )
    for (const name of signals) events.emit(name)
    expect(signal.aborted).toBe(true)
    expect(exits).toEqual(codes)
  })

  it('a closed terminal stops after the step, with a checkpoint', { timeout: 120_000 }, async () => {
    const data = join(folder, 'hang-up')
    await generateDemo(data, { images: 8, valImages: 1, size: 32 })
    const small = ['data.layout=folder', 'train.batchSize=4', 'train.epochs=100000', 'data.valSplit=null']
    const args = ['train', 'mctformer_demo', '--data', data, '--runs', join(folder, 'hung-up'), '--name', 'x']
    const command = [join(packageRoot(), 'bin', 'tagmask'), ...args, ...small.flatMap(one => ['--set', one])]
    const child = spawn(process.execPath, [...command, '--force'], { stdio: ['ignore', 'pipe', 'ignore'] })
    let text = ''
    child.stdout.on('data', chunk => {
      const began = / steps /.test(text)
      text += String(chunk)
      if (!began && / steps /.test(text)) for (let i = 0; i < 2; i++) child.kill('SIGHUP') // shell and system
    })
    const code = await new Promise(resolve => child.on('close', resolve))
    expect(code).toBe(130)
    expect(text).toContain('stopping once what is begun is finished and saved; Ctrl-C again stops at once\n')
    expect(text).toMatch(/resume with the same command without --force; with --force it would start again\n$/)
    expect(await readdir(join(folder, 'hung-up', 'x', 'checkpoints'))).toContain('state.safetensors')
  })
})

it('in a folder that is gone one sentence says so', async () => {
  const gone = join(folder, 'gone')
  await mkdir(gone)
  const script = `cd ${gone} && rmdir ${gone} && ${process.execPath} ${join(packageRoot(), 'bin', 'tagmask')} demo`
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  expect(stderr).toBe('error: the current folder no longer exists; change to another one (cd)\n')
  expect(status).toBe(1)
})

describe('what ended a command', () => {
  it('decides the exit code and the words', () => {
    expect(exitCodeOf(new Interrupted('step 3'))).toBe(130)
    expect(errorMessage(new Interrupted('step 3'))).toBe('stopped at step 3')
    expect(exitCodeOf(new InputError('a', 'b'))).toBe(1)
    const full = Object.assign(new Error('x'), { code: 'ENOSPC', syscall: 'mkdir', path: '/full/maps' })
    expect(exitCodeOf(full)).toBe(1)
    expect(errorMessage(full)).toBe(
      'error: /full/maps: the disk is full; free some space and run the same command',
    )
    expect(exitCodeOf(new TypeError('x'))).toBe(70)
    expect(errorMessage(new TypeError('x'))).toMatch(
      /^unexpected error, a bug of tagmask: please report it with these lines\nTypeError: x\n {4}at /,
    )
    expect(finalExitCode(undefined)).toBe(0)
    expect(finalExitCode(130)).toBe(130)
  })
})
