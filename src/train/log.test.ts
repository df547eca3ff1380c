import { expect, test } from 'vitest'
import { createLog, type Log, type LogOptions } from './log.ts'

/** A log whose lines are kept, and its clock. */
function logged(options: LogOptions = {}): { lines: string[]; log: Log; wait: (seconds: number) => void } {
  const lines: string[] = []
  let time = Date.UTC(2026, 0, 1)
  const stream = { write: (text: string) => lines.push(text) }
  const log = createLog({ stream, clock: () => time, env: {}, ...options })
  return { lines, log, wait: seconds => (time += seconds * 1000) }
}

/** Some of everything: a stage of 25 s that warns. */
function work({ log, wait }: ReturnType<typeof logged>): void {
  log.info('run folder runs/x')
  log.stage({ stage: 'train', state: 'begins' })
  const progress = log.progress({ title: 'train', total: 50, unit: 'steps' })
  for (let done = 1; done <= 50; done++) {
    wait(0.5)
    progress.update(done, { loss: 0.25 })
    if (done === 7) log.warn('a.jpg: is damaged')
  }
  progress.finish()
  log.stage({ stage: 'train', state: 'done', seconds: 25 })
  log.info('a table')
  log.tell('report: runs/x/report.html', { run: 'runs/x' })
}

test('a stage ends with its time', () => {
  const all = logged()
  work(all)
  expect(all.lines.filter(line => !line.startsWith('train '))).toEqual([
    'run folder runs/x\n',
    'warning: a.jpg: is damaged\n',
    'train: done in 25 s\n',
    'a table\n',
    'report: runs/x/report.html\n',
  ])
})

test('a quiet log has warnings and the last lines', () => {
  const quiet = logged({ quiet: true })
  work(quiet)
  expect(quiet.lines).toEqual(['warning: a.jpg: is damaged\n', 'report: runs/x/report.html\n'])
  expect(quiet.log.warnings).toEqual(['a.jpg: is damaged'])
})

test('as JSON each line is an object, progress every ten seconds and at the end', () => {
  const json = logged({ format: 'json' })
  work(json)
  const objects = json.lines.map(line => {
    expect(line.endsWith('}\n')).toBe(true)
    const { time, ...rest } = JSON.parse(line) as { time: string }
    expect(time).toMatch(/^2026-01-01T00:00:\d\d\.\d{3}Z$/)
    return rest
  })
  const progress = (done: number, etaSeconds: number) => ({
    progress: { title: 'train', done, total: 50, unit: 'steps', etaSeconds, fields: { loss: 0.25 } },
  })
  expect(objects).toEqual([
    { level: 'info', text: 'run folder runs/x' },
    { stage: 'train', state: 'begins' },
    { level: 'warn', text: 'a.jpg: is damaged' },
    progress(20, 15),
    progress(40, 5),
    progress(50, 0),
    { stage: 'train', state: 'done', seconds: 25 },
    { level: 'info', text: 'a table' },
    { result: { run: 'runs/x' } },
  ])
})

test('as JSON and quiet, warnings and the result alone', () => {
  const both = logged({ format: 'json', quiet: true })
  work(both)
  expect(both.lines.map(line => Object.keys(JSON.parse(line) as object))).toEqual([
    ['time', 'level', 'text'],
    ['time', 'result'],
  ])
})

test('as JSON what is not known yet is null, and nothing to do is no line', () => {
  const { lines, log, wait } = logged({ format: 'json' })
  const progress = log.progress({ title: 'maps', total: 10 })
  wait(10)
  progress.update(0)
  log.progress({ title: 'maps', total: 3, start: 3 }).finish()
  expect(lines.map(line => JSON.parse(line))).toMatchObject([{ progress: { done: 0, etaSeconds: null } }])
})
