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

const TSC = join(repository, 'node_modules/typescript/bin/tsc')

async function node(folder: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, TAGMASK_THREADS: '1' }
  return (await run(process.execPath, args, { cwd: folder, env, maxBuffer: 1e8 })).stdout
}

/** Compiles programs in a folder, all at once: program-0.js and so on. Rejects with what the compiler says. */
export async function compilePrograms(folder: string, texts: readonly string[]): Promise<void> {
  const names = texts.map((_, i) => `program-${i}.ts`)
  await Promise.all(texts.map((text, i) => writeFile(join(folder, names[i]!), text)))
  const problems = await node(folder, [TSC, ...FLAGS.split(' '), ...names]).catch(
    (error: { stdout?: string }) => error.stdout ?? String(error),
  )
  if (problems !== '') throw new Error(problems)
}

/** Runs a compiled program; returns what it printed. Rejects where it fails. */
export function runProgram(folder: string, i: number): Promise<string> {
  return node(folder, [`program-${i}.js`])
}
