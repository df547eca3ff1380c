/** @file One process at a time in a run folder: a file `lock` with the process id. Imports node and errors. */
import { type FileHandle, open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { fromHere, makeFolder, type RunFolder } from './run-folder.ts'

/** Gives the folder free again. */
export type Release = () => Promise<void>

/** Takes the run folder for this process, making it when there is none; a lock left by a process that is gone is taken over. Throws InputError
 * when another process, here or on another machine, holds it. */
export async function lockRun(run: RunFolder): Promise<Release> {
  await makeFolder(run.root)
  const path = join(run.root, 'lock')
  const mine = `${process.pid} ${hostname()}\n`
  for (let attempt = 0; attempt < 2; attempt++) {
    const file: FileHandle | undefined = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined
      throw error
    })
    if (file !== undefined) {
      await file.write(mine)
      await file.close()
      return () => rm(path, { force: true })
    }
    const [pid = '', host = ''] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ')
    if (host !== '' && (host !== hostname() || isAlive(Number(pid)))) {
      throw new InputError(fromHere(run.root), `process ${pid} on ${host} is working in this run folder`, {
        expected: `wait for it or use another --name; if it is gone, delete ${fromHere(path)}`,
      })
    }
    await rm(path, { force: true })
  }
  throw new InputError(fromHere(run.root), 'another process has just taken this run folder', {
    expected: 'use another --name',
  })
}

function isAlive(pid: number): boolean {
  if (pid === process.pid || !Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
