/**
 * @file What an image costs in each command, in seconds and memory, as a data set grows. The demo's images, a network of a few steps, each
 * command in a process of its own. Options: --help.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { generateDemo } from '../src/data/demo/index.ts'
import { textTable } from '../src/io/text-table.ts'
import { exportMasks } from '../src/pipeline/export/export-masks.ts'
import { runRecipe } from '../src/pipeline/run/run-recipe.ts'
import { silentLog } from '../src/train/log.ts'

/** In the order in which they run; those that are not asked for run all the same where a later one needs them. */
const STAGES = ['train', 'maps', 'evaluate', 'refine', 'segment', 'predict', 'export'] as const
type StageName = (typeof STAGES)[number]
const MEASURED: readonly StageName[] = ['maps', 'refine', 'evaluate', 'predict', 'export']

/** Without validation images: the training images are predicted. */
const RECIPE = [
  'model={width: {embedDim: 24, depth: 2, heads: 2}, imageSize: 32, patchSize: 16, dropPath: 0}',
  'data.layout=folder',
  'data.valSplit=null',
  'train.epochs=null',
  'train.steps=4',
  'train.batchSize=4',
  'maps={scales: [1], layers: 2, checkpoint: last}',
  'refine={method: crf, background: 0.4}',
  'segment={backbone: model, cropSize: 32, epochs: 1, batchSize: 16}',
  'predict={scales: [1], flip: false}',
]

/** One command, in a process of its own. */
interface Task {
  readonly stage: StageName
  readonly folder: string
}

interface Cost {
  readonly seconds: number
  /** Largest resident memory of the process, bytes. */
  readonly peak: number
}

async function work({ stage, folder }: Task): Promise<Cost> {
  const log = silentLog()
  const [runs, began] = [join(folder, 'runs'), performance.now()]
  if (stage === 'export')
    await exportMasks({ target: join(runs, 'run'), format: 'png', out: join(folder, 'out'), log })
  else
    await runRecipe({
      recipe: 'mctformer_demo',
      data: join(folder, 'data'),
      set: RECIPE,
      runs,
      name: 'run',
      stages: [stage],
      log,
    })
  const seconds = (performance.now() - began) / 1e3
  return { seconds, peak: 1024 * process.resourceUsage().maxRSS }
}

async function inProcess(task: Task): Promise<Cost> {
  const args = [fileURLToPath(import.meta.url), '--task', JSON.stringify(task)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Cost
}

const HELP = `node dist/bench/growth.js [OPTIONS]

What an image costs in each command, in seconds and memory, as a data set grows; each command in a process of its own.

  --images N,...   numbers of images, growing (200,2000,20000)
  --stages NAME,...  of ${STAGES.join(', ')} (${MEASURED.join(',')})
  --size N         pixels of a side (48)
  --dir DIR        keeps data and runs there; default: a temporary folder`

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '200,2000,20000' },
    stages: { type: 'string', default: MEASURED.join(',') },
    size: { type: 'string', default: '48' }, // pixels of a side
    dir: { type: 'string' }, // kept; default: a temporary folder
    task: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(HELP)
else if (values.task !== undefined) console.log(JSON.stringify(await work(JSON.parse(values.task) as Task)))
else await measure()

async function measure(): Promise<void> {
  const counts = values.images.split(',').map(Number)
  if (!counts.every((n, i) => Number.isInteger(n) && n > (counts[i - 1] ?? 0)))
    throw new Error(`--images ${values.images}: expected growing whole numbers, as in 200,2000,20000`)
  const asked = values.stages.split(',')
  const wrong = asked.find(name => !(STAGES as readonly string[]).includes(name))
  if (wrong !== undefined) throw new Error(`--stages ${wrong}: expected some of ${STAGES.join(', ')}`)
  const last = Math.max(...asked.map(name => STAGES.indexOf(name as StageName)))
  const needed = STAGES.slice(0, last + 1).filter(
    // an export without a segmentation network is of the pseudo masks
    name =>
      name !== 'segment' && name !== 'predict'
        ? true
        : asked.includes('predict') || asked.includes('segment'),
  )
  const root = values.dir ?? (await mkdtemp(join(tmpdir(), 'tagmask-growth-')))
  const costs = new Map(needed.map(name => [name, [] as Cost[]]))
  console.log(
    `${cpus()[0]?.model}, ${availableParallelism()} cores; images of ${values.size} x ${values.size} pixels`,
  )
  try {
    for (const images of counts) {
      const folder = join(root, String(images))
      await mkdir(folder, { recursive: true })
      await generateDemo(join(folder, 'data'), { images, valImages: 0, size: Number(values.size) })
      for (const stage of needed) {
        const cost = await inProcess({ stage, folder })
        costs.get(stage)!.push(cost)
        if (asked.includes(stage)) console.log(`${stage}, ${images} images: ${cost.seconds.toFixed(1)} s`)
      }
    }
  } finally {
    if (values.dir === undefined) await rm(root, { recursive: true, force: true })
  }
  for (const [stage, of] of costs)
    if (asked.includes(stage)) console.log(`\n${stage}\n${tableOf(counts, of)}`)
}

/** A row for each count; "further": of an image more than in the row before, without what a command costs once. */
function tableOf(counts: readonly number[], costs: readonly Cost[]): string {
  const each = costs.map(({ seconds }, i) => (1e3 * seconds) / counts[i]!)
  const further = costs.slice(1).map(({ seconds, peak }, i) => {
    const more = counts[i + 1]! - counts[i]!
    return {
      time: (1e3 * (seconds - costs[i]!.seconds)) / more,
      memory: (peak - costs[i]!.peak) / more / 1e3,
    }
  })
  const rows = costs.map(({ seconds, peak }, i) => {
    const more = further[i - 1]
    return [
      String(counts[i]),
      seconds.toFixed(1),
      each[i]!.toFixed(2),
      more === undefined ? '' : more.time.toFixed(2),
      (peak / 1e6).toFixed(0),
      more === undefined ? '' : more.memory.toFixed(1),
    ]
  })
  const ratio = (all: readonly number[]): string => (all.length < 2 ? '' : (all.at(-1)! / all[0]!).toFixed(2))
  const times = further.map(({ time }) => time)
  const last = ['ratio', '', ratio(each), ratio(times), ratio(costs.map(({ peak }) => peak)), '']
  const head = ['images', 'seconds', 'ms/image', 'ms/further image', 'peak MB', 'kB/further image']
  return textTable(
    head.map(title => ({ title, align: 'right' })),
    [...rows, last],
  )
}
