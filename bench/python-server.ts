/** @file A Python process that answers lines of numbers: the other side of a benchmark, kept warm between its rounds. */
import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface PythonServer {
  /** Numbers that the script prints for this line. */
  readonly ask: (line: string | number) => Promise<number[]>
  readonly close: () => void
}

/** Runs a script that prints "ready" and then a line for each line. Undefined, and said, where `python` cannot import what it needs. */
export async function startPython(
  script: string,
  { python, imports, args }: { python: string; imports: string; args: readonly string[] },
): Promise<PythonServer | undefined> {
  try {
    execFileSync(python, ['-c', `import ${imports}`], { stdio: 'ignore' })
  } catch {
    console.log(`${python} cannot import ${imports}: skipping the comparison`)
    return undefined
  }
  const server = spawn(python, ['-c', script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the script has ended: its message is above')
    return value
  }
  await next()
  server.kill('SIGSTOP')
  return {
    async ask(line) {
      server.kill('SIGCONT')
      server.stdin.write(`${line}\n`)
      const answer = await next()
      server.kill('SIGSTOP') // its threads spin for a while after their work, on cores that the other side is timed on
      return answer.split(' ').map(Number)
    },
    close() {
      server.kill('SIGCONT')
      server.stdin.end()
    },
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
