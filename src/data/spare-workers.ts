/** @file Threads that are between two jobs: one takes a fifth of a second to start, and every stage of a run has its own job. */
import { Worker } from 'node:worker_threads'

const MOST = 4

interface Spare {
  readonly file: string
  readonly worker: Worker
  readonly drop: () => void
}

const spares: Spare[] = []

/** A thread of a built worker file, spare or new. */
export function takeWorker(url: URL): Worker {
  const found = spares.find(({ file }) => file === url.href)
  if (found !== undefined) {
    found.drop()
    return found.worker
  }
  return new Worker(url, { execArgv: [] })
}

/** Keeps an idle thread, without listeners, for the next job, and ends the oldest where there are enough. */
export async function giveBack(url: URL, worker: Worker): Promise<void> {
  const drop = () => {
    const at = spares.findIndex(spare => spare.worker === worker)
    if (at >= 0) spares.splice(at, 1)
    worker.off('error', drop).off('exit', drop)
  }
  worker.on('error', drop).on('exit', drop)
  spares.push({ file: url.href, worker, drop })
  worker.unref()
  if (spares.length <= MOST) return
  const [oldest] = spares
  oldest!.drop()
  await oldest!.worker.terminate()
}
