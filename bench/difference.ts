/** @file How far two results are from each other. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PythonServer } from './python-server.ts'

/** Largest difference between our values and those that the peer saves in the folder. */
export async function largestDifference(
  ours: Float32Array,
  { server, folder }: { server: PythonServer; folder: string },
): Promise<number> {
  const path = join(folder, 'result')
  await server.save(path)
  const bytes = readFileSync(path)
  const theirs = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  if (theirs.length !== ours.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let i = 0; i < ours.length; i++) largest = Math.max(largest, Math.abs(ours[i]! - theirs[i]!))
  return largest
}
