/** @file Messages of opening a data set, with its folder as ROOT: warnings and notes, or the error. */
import { expect } from 'vitest'
import { openDataset } from '../src/data/dataset.ts'

export async function said(root: string): Promise<{ warnings: string[]; notes: string[] }> {
  const { warnings, notes = [] } = await openDataset(root)
  const plain = (lines: readonly string[]) => lines.map(line => line.replaceAll(root, 'ROOT'))
  return { warnings: plain(warnings), notes: plain(notes) }
}

/** The message of the InputError with which it ends. */
export async function refusal(root: string): Promise<string> {
  const error: unknown = await openDataset(root).then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toMatchObject({ name: 'InputError' })
  return (error as Error).message.replaceAll(root, 'ROOT')
}
