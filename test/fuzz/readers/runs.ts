/** @file Fuzzed readers of recipes and of the files in a run folder. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../../src/errors.ts'
import { readWhole } from '../../../src/io/read-range.ts'
import { decodeYaml, parseYaml } from '../../../src/io/yaml.ts'
import { readAblationFile } from '../../../src/pipeline/ablate/ablation-file.ts'
import { readMade } from '../../../src/pipeline/export/export-shards.ts'
import { notNamed } from '../../../src/pipeline/images/lost-images.ts'
import { readRecord } from '../../../src/pipeline/out/out-record.ts'
import { loadRecipe } from '../../../src/pipeline/recipe/load.ts'
import { openFileContents } from '../../../src/pipeline/run/file-contents.ts'
import { existingRunFolder, runFolder } from '../../../src/pipeline/run/run-folder.ts'
import { workerOf } from '../../../src/pipeline/run/run-lock.ts'
import { hasOldMarker, readMarker, readNotes } from '../../../src/pipeline/run/stage-marker.ts'
import { summariseRun } from '../../../src/pipeline/runs/list-runs.ts'
import { readRunScores, scoreLines } from '../../../src/pipeline/runs/run-scores.ts'
import { readSnapshots } from '../../../src/pipeline/training/snapshots.ts'
import { readMetrics } from '../../../src/train/metrics.ts'
import { parsePosition } from '../../../src/train/position.ts'
import { repository } from '../../source-files.ts'
import type { FuzzedReader } from '../reader.ts'

const texts = (...all: string[]) => ({ seeds: () => all.map(text => Buffer.from(text)) })
const lines = (...values: unknown[]): string => values.map(value => `${JSON.stringify(value)}\n`).join('')
const bundled = (name: string): Promise<Buffer> => readFile(join(repository, 'recipes', name))

const SMALL_RECIPE = `# mine
method: cam
seed: 3
data: { root: photos, split: train }
train:
  epochs: 2
  batchSize: 4
`

const YAML_WORDS =
  'method: train: epochs: cam mctformer null { } [ ] - ? &a *a !!binary !!set |- >+ <<: 0o7 .nan 2025-13-99'.split(
    ' ',
  )

const MARKER = {
  ...{ stage: 'train', state: 'done', id: 'a1', revision: 'b2', keys: { 'train.epochs': 2 } },
  ...{ base: { images: 'c3' }, soft: {}, version: '0.1.0', started: '2025-11-30T00:00:00Z', finished: null },
}
const SCORES = {
  scores: [
    { metric: 'seed', split: 'train', threshold: { value: 0.4, chosen: 'swept' }, images: 3, miou: 51.2 },
    { metric: 'val', split: 'val', threshold: null, images: 3, miou: 50 },
  ],
}
const RECORD = `${JSON.stringify({ kind: 'tagmask masks', format: 1 })}\n`
const MADE = { file: 'overlays/a.jpg', hash: 'f0', by: 'k', from: [{ file: 'a.jpg', hash: 'f1' }] }
const MAKER = { key: 'k', command: 'refine', run: null, recipe: null, weights: null, settings: { crf: 1 } }
const PART = { id: 'a', state: '12 34', files: ['a.png', 'sub/a.jpg'] }
const POSITION = { epoch: 1, batch: 2, step: 6, sums: { loss: 1.5 }, images: 8, best: null, validated: 4 }

export const READERS: readonly FuzzedReader[] = [
  {
    name: 'yaml',
    ...texts(
      SMALL_RECIPE,
      'a: &x [1, {b: "c"}]\n# é\nd: |\n  text\n  more\n? e\n: - *x\n  - 2025-01-01\nf: !!str 5\n',
    ),
    words: YAML_WORDS,
    async read(path) {
      const yaml = parseYaml(decodeYaml(await readWhole(path), path))
      if ('problem' in yaml) throw new InputError(path, yaml.problem)
    },
  },
  {
    name: 'yaml of a recipe',
    file: 'mutated.yaml',
    seeds: async () => [Buffer.from(SMALL_RECIPE), await bundled('mctformer_demo.yaml')],
    words: YAML_WORDS,
    read: loadRecipe,
    inputs: 1500, // each is compared with the whole schema
  },
  {
    name: 'yaml of variants',
    file: 'mutated.yaml',
    ...texts(
      'recipe: mctformer_demo\nset: { train.epochs: 1 }\nseeds: [0, 1]\nvariants:\n  plain: {}\n  large: { train.batchSize: 8 }\n',
    ),
    words: ['variants:', 'recipe:', 'set:', 'seeds:', '{}', 'a: {}', '__proto__: {}', '..: {}'],
    read: readAblationFile,
    inputs: 2000,
  },
  {
    name: 'recipe.yaml of a run',
    file: 'recipe.yaml',
    ...texts(SMALL_RECIPE),
    words: ['method:', 'train:', 'epochs:', '-1', '{', '}'],
    async read(path) {
      await summariseRun(runFolder(dirname(path)), 'run')
      await existingRunFolder(dirname(path))
    },
    inputs: 2000,
  },
  {
    name: 'json of a run',
    file: 'stages/train.json',
    links: [
      ...['stages/train.files.json', 'stages/train.images.json', 'stages/train.lost', 'scores.json', 'lock'],
      ...[
        'refine-scores.json',
        'file-contents.json',
        'sessions.jsonl',
        'lost-images.txt',
        'tagmask-run.json',
      ],
    ],
    beside: { 'recipe.yaml': SMALL_RECIPE },
    ...texts(
      JSON.stringify(MARKER, null, 2),
      JSON.stringify(SCORES),
      JSON.stringify({ 'maps/a.safetensors': 12, 'train/a': 'f00' }),
      JSON.stringify({ '/photos/a.jpg': [3, '1', '2', '3', 'f00'] }),
      lines(
        { time: '2025-11-30', command: ['run', 'photos_cpu'] },
        { time: '2025-12-01', command: ['demo'] },
      ),
      lines('a', 'x/b'),
      'maps\ta\tcannot be decoded\nrefine\tb\tis empty\n',
      '12 host 0x3\n',
      JSON.stringify(POSITION),
    ),
    words: [
      '"stage":',
      '"state":',
      '"done"',
      '"command":',
      '"scores":',
      '"threshold":',
      '{"value":1}',
      '[null]',
      '5',
    ],
    async read(path) {
      const run = runFolder(dirname(dirname(path)))
      await readMarker(run, 'train')
      await hasOldMarker(run, 'train')
      await readNotes(run, 'train')
      scoreLines(await readRunScores(run))
      await openFileContents(run.contents)
      await workerOf(run)
      await summariseRun(run, 'run')
      await notNamed(run.lostImages, [{ id: 'a' }])
      parsePosition(await readFile(path, 'utf8'), { epochs: 3, batches: 5 })
    },
    inputs: 3000,
  },
  {
    name: 'tagmask-masks.jsonl',
    file: 'tagmask-masks.jsonl',
    ...texts(RECORD + lines(MAKER, MADE, { ...MADE, file: 'b.png' })),
    words: ['"file":', '"key":', '"hash":', '"../a.png"', '"from":', '[]', '{"key":"k"}'],
    read: path => readRecord(dirname(path)),
    inputs: 2000,
  },
  {
    name: 'record of an export shard',
    file: '1-of-2.jsonl',
    ...texts(lines({ kind: 'tagmask export shard', settings: 'k' }, PART, { ...PART, id: 'b', files: [] })),
    words: ['"files":', '"state":', '"id":', '["../a.png"]', '[]', '"settings":"l"'],
    read: path => readMade(dirname(path), 'k'),
    inputs: 2000,
  },
  {
    name: 'jsonl of metrics',
    large: () =>
      Buffer.from(
        lines(
          ...Array.from({ length: 50_000 }, (_, step) => ({
            kind: 'step',
            step,
            loss: 1 / step,
            rate: 0.001,
          })),
        ),
      ),
    file: 'metrics.jsonl',
    links: ['snapshots.jsonl'],
    ...texts(
      lines({ kind: 'step', step: 0, loss: 1.5 }, { kind: 'epoch', step: 3, epoch: 0, loss: null }),
      lines({ step: 3, images: [{ name: 'CAMs/a, cat', file: '3/0.webp' }] }),
    ),
    words: ['"kind":', '"step":', '"images":', '3', '{"kind":"step","step":1}\n'],
    async read(path) {
      const snapshots = await readSnapshots(dirname(path))
      if (snapshots.length === 0) await readMetrics(path)
    },
    inputs: 2000,
  },
]
