/** @file The TypeScript programs in documents: taken out, compiled as a user would, and run. */
import { execFile } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repository } from './source-files.ts'

const run = promisify(execFile)

/** The blocks marked ts, by the heading above. */
export function programsOf(markdown: string): { readonly title: string; readonly text: string }[] {
  const found = markdown.matchAll(/^#+ (.*)$|^```ts\n([\s\S]*?)^```$/gm)
  let title = ''
  return [...found].flatMap(([, heading, text]) => {
    title = heading ?? title
    return text === undefined ? [] : [{ title, text }]
  })
}

/** Makes an empty folder one in which `tagmask` is installed. */
export async function installIn(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await symlink(repository, join(folder, 'node_modules/tagmask'))
  await symlink(join(repository, 'node_modules/@types'), join(folder, 'node_modules/@types'))
}

const FLAGS =
  '--strict --noUncheckedIndexedAccess --target es2022 --lib es2023,esnext.disposable --module nodenext --types node'

/** Compiles and runs a program in a folder; returns what it printed. Rejects where either fails. */
export async function runProgram(folder: string, text: string): Promise<string> {
  await writeFile(join(folder, 'program.ts'), text)
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  const ran = async (args: readonly string[]): Promise<string> => {
    const env = { ...process.env, TAGMASK_THREADS: '1' }
    return (await run(process.execPath, args, { cwd: folder, env, maxBuffer: 1e8 })).stdout
  }
  const problems = await ran([tsc, ...FLAGS.split(' '), 'program.ts']).catch(
    (error: { stdout?: string }) => error.stdout ?? String(error),
  )
  if (problems !== '') throw new Error(problems)
  return ran(['program.js'])
}
