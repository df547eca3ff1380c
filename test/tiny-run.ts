/** @file A run over all stages in seconds, in a process of its own, and hashes of its files: for tests that disturb it. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const RECIPE = `method: mctformer
model: { width: { embedDim: 24, depth: 2, heads: 2 }, imageSize: 32, patchSize: 16, dropPath: 0.2 }
data: { layout: folder, valSplit: val, workers: 1 }
train: { epochs: 3, batchSize: 4, checkpointSteps: 1, logEvery: 1 }
maps: { layers: 2 }
refine: { method: affinity+crf, background: sweep, sure: {}, walk: { logt: 2 } }
affinity: { cropSize: 32, epochs: 2, batchSize: 4, checkpointSteps: 1 }
segment: { cropSize: 32, epochs: 2, batchSize: 4, checkpointSteps: 1, retrain: { rounds: 1, scales: [1] } }
predict: { scales: [1] }
report: { images: 3 }
threads: 1
`

/** Images that the demo generator makes for it. */
export const TINY_DATA = { images: 12, valImages: 4, size: 48, seed: 3 }

export interface TinyRun {
  /** Folder with data/; the recipe is put there. */
  readonly folder: string
  readonly runs: string
  readonly name: string
  /** Milliseconds until it is killed; never when not given. */
  readonly killAfter?: number
}

/** Starts or resumes a run of all stages; resolves to exit code or signal, and its output. */
export async function tinyRun({
  folder,
  runs,
  name,
  killAfter,
}: TinyRun): Promise<{ end: string; text: string }> {
  const recipe = join(folder, 'tiny.yaml')
  await writeFile(recipe, RECIPE)
  const args = ['bin/tagmask', 'run', recipe, '--data', join(folder, 'data'), '--runs', runs, '--name', name]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
  return new Promise(resolve =>
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ end: String(signal ?? code), text })
    }),
  )
}

/** Times, and other records of when and how a file was made. */
const OF_THE_MOMENT = /^(sessions\.jsonl|file-contents\.json|report\.html|stages\/.*\.json)$/

/** Hash of every file of a run folder that does not depend on interruptions. */
export async function runContents(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries
    .filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter(file => !OF_THE_MOMENT.test(file))
    .sort()
  const hashes = files.map(async file => {
    const bytes = await readFile(join(root, file))
    const speedless = file.endsWith('.jsonl') ? bytes.toString().replace(/,"images\/s":[^,}]*/g, '') : bytes
    return [file, createHash('sha256').update(speedless).digest('hex')] as const
  })
  return new Map(await Promise.all(hashes))
}
