import { describe, expect, it } from 'vitest'
import { formatDuration } from './duration.ts'
import { createLog } from './log.ts'

/** A stream that keeps what is written, and a clock that only the test moves. */
function surroundings({ isTTY = false, columns = 80 }: { isTTY?: boolean; columns?: number } = {}) {
  const written: string[] = []
  let time = 0
  return {
    written,
    wait: (seconds: number) => (time += seconds * 1000),
    options: {
      stream: { write: (text: string) => written.push(text), isTTY, columns },
      clock: () => time,
      env: {},
    },
  }
}

describe('progress without a terminal', () => {
  it('writes plain lines, five seconds apart at first, and one at the end', () => {
    const { written, wait, options } = surroundings()
    const progress = createLog(options).progress({ title: 'train', total: 100 })
    for (let done = 1; done <= 100; done++) {
      wait(0.1)
      progress.update(done, { 'class loss': 0.5, lr: 1e-4 })
    }
    progress.finish()
    expect(written.join('')).toMatchInlineSnapshot(`
      "train 50% · 50/100 images · 10.0/s · ETA 5 s · class loss 0.5000 · lr 1.00e-4
      train 100% · 100/100 images · 10.0/s · in 10 s · class loss 0.5000 · lr 1.00e-4
      "
    `)
  })

  it('writes fewer lines the longer it takes: at most 20 in 12 minutes, one in ten minutes of a day', () => {
    const linesIn = (seconds: number): number => {
      const { written, wait, options } = surroundings()
      const progress = createLog(options).progress({ title: 'train', total: seconds })
      for (let done = 1; done <= seconds; done++) {
        wait(1)
        progress.update(done)
      }
      progress.finish()
      return written.length
    }
    expect(linesIn(12 * 60)).toBe(18)
    expect(linesIn(24 * 3600)).toBe(163)
  })

  it('counts what an earlier session did for the share, not for the rate', () => {
    const { written, wait, options } = surroundings()
    const progress = createLog(options).progress({ title: 'maps', total: 100, start: 90 })
    wait(5)
    progress.update(95)
    progress.finish()
    expect(written[0]).toBe('maps 95% · 95/100 images · 1.0/s · ETA 5 s\n')
  })

  it('follows the rate of the last half minute', () => {
    const { written, wait, options } = surroundings()
    const progress = createLog(options).progress({ title: 'train', total: 10_000 })
    for (let i = 1; i <= 60; i++) {
      wait(1)
      progress.update(i) // one a second for a minute
    }
    for (let i = 1; i <= 70; i++) {
      wait(1)
      progress.update(60 + i * 10) // then ten
    }
    expect(written[written.length - 1]).toContain('10.0/s')
  })

  it('does not know the time left before anything is done', () => {
    const { written, options } = surroundings()
    const progress = createLog(options).progress({ title: 'train', total: 10 })
    progress.finish()
    expect(written.join('')).toBe('train 0% · 0/10 images · 0.00/s · ETA ?\n')
  })

  it('says nothing for work that turned out to be done', () => {
    const { written, options } = surroundings()
    createLog(options).progress({ title: 'train', total: 10 }).drop()
    expect(written).toEqual([])
  })
})

describe('progress on a terminal', () => {
  it('redraws one line, at most ten times a second, and makes way for other lines', () => {
    const { written, wait, options } = surroundings({ isTTY: true })
    const log = createLog({ ...options, env: { NO_COLOR: '1' } })
    const progress = log.progress({ title: 'train', total: 4 })
    wait(1)
    progress.update(1)
    wait(0.01)
    progress.update(2) // too soon: not drawn
    expect(written.length).toBe(1)
    log.info('a line')
    wait(1)
    progress.update(4)
    progress.finish()
    const shown = written.join('').replaceAll('\r\u001b[2K', '<clear>')
    expect(shown).toMatchInlineSnapshot(`
      "<clear>train ━━━━━                1/4 images · 1.0/s · ETA 3 s<clear>a line
      <clear>train ━━━━━━━━━━           2/4 images · 2.0/s · ETA 1 s<clear>train ━━━━━━━━━━━━━━━━━━━━ 4/4 images · 2.0/s · in 2 s<clear>train ━━━━━━━━━━━━━━━━━━━━ 4/4 images · 2.0/s · in 2 s
      "
    `)
    expect(shown).not.toContain('\u001b')
  })

  it('never writes more than the width of the terminal', () => {
    const { written, wait, options } = surroundings({ isTTY: true, columns: 60 })
    const progress = createLog({ ...options, env: { NO_COLOR: '1' } }).progress({ title: 'train', total: 4 })
    wait(1)
    progress.update(2, { 'class loss': 0.123456, 'patch loss': 0.123456, 'contrast loss': 0.123456 })
    expect(Math.max(...written.map(text => text.replaceAll('\r\u001b[2K', '').length))).toBeLessThan(60)
  })

  it('colours only without NO_COLOR', () => {
    const coloured = surroundings({ isTTY: true })
    createLog(coloured.options).warn('x')
    expect(coloured.written.join('')).toContain('\u001b[33m')
    const plain = surroundings({ isTTY: true })
    const log = createLog({ ...plain.options, env: { NO_COLOR: '1' } })
    log.warn('x')
    expect(plain.written.join('')).toBe('warning: x\n')
    expect(log.warnings).toEqual(['x'])
  })
})

it.each([
  [0, '0 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [200, '3 min 20 s'],
  [3599.7, '1 h 00 min'],
  [7500, '2 h 05 min'],
  [86399, '1 d 00 h'],
  [97200, '1 d 03 h'],
  [Number.POSITIVE_INFINITY, '?'],
  [-1, '?'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text)
})

it('what names and files hold cannot steer the terminal', () => {
  for (const isTTY of [false, true]) {
    const { written, wait, options } = surroundings({ isTTY })
    const log = createLog({ ...options, env: { TERM: 'dumb' } })
    log.info('class \u001b[2Jx')
    log.warn('a\u202egpj.exe has no mask')
    const progress = log.progress({ title: 'predict \u001b]0;x\u0007', total: 2 })
    wait(6)
    progress.update(1, { at: 'b\u009b31m\nwarning: false' })
    progress.finish()
    const text = written.join('').replaceAll('\r\u001b[2K', '')
    expect(text).toContain('class \\u001b[2Jx\n')
    expect(text).toContain('a\\u202egpj.exe has no mask\n')
    expect(text).toContain('predict \\u001b]0;x\\u0007')
    if (!isTTY) expect(text).toContain('at b\\u009b31m\\nwarning: false\n')
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    expect(log.warnings).toEqual(['a\u202egpj.exe has no mask'])
  }
})
