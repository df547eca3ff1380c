/** @file One download over HTTP: redirects, ranges, lost connections tried again. */
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, InputError, TagmaskError } from '../errors.ts'
import { explainWriteError } from './atomic.ts'
import { briefName } from './brief.ts'
import { textOf } from './printable.ts'

export interface FetchProgress {
  /** Bytes that are there. */
  readonly done: number
  /** Of the whole file; undefined where the server does not say. */
  readonly total: number | undefined
}

export interface DownloadOptions {
  /** The file that it becomes, for messages. */
  readonly file: string
  /** Published length. */
  readonly bytes?: number | undefined
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FetchProgress) => void
  readonly retryDelay?: number
  readonly patience?: number
}

const TRIES = 5 // without a byte in between
const RETRY_DELAY = 500
const PATIENCE = 60_000

/** The connection ended, or the server is busy: worth another try. */
class Lost extends TagmaskError {}

/**
 * Writes what `address` serves into `part`, going on after what is there. Returns the length that the server says, if it
 * does. Throws InputError naming the address when there is no network, no such file, or another length than published.
 */
export async function download(
  address: string,
  part: string,
  { retryDelay = RETRY_DELAY, ...options }: DownloadOptions,
): Promise<number | undefined> {
  const target = await open(part, 'a').catch((error: unknown) => {
    throw explainWriteError(part, error)
  })
  try {
    let tries = 0
    for (;;) {
      const { size: before } = await target.stat()
      try {
        const total = await attempt(address, target, before, options)
        await target.sync()
        return total
      } catch (error) {
        if (!(error instanceof Lost)) throw error
        tries = (await target.stat()).size > before ? 1 : tries + 1
        if (tries >= TRIES) throw byHand(address, options.file, error.message, error)
        await sleep(retryDelay * 2 ** (tries - 1), undefined, signalOf(options))
      }
    }
  } finally {
    await target.close()
  }
}

/** One request, for what comes after the first `start` bytes. */
async function attempt(
  address: string,
  target: FileHandle,
  start: number,
  { file, bytes, signal, onProgress, patience = PATIENCE }: Omit<DownloadOptions, 'retryDelay'>,
): Promise<number | undefined> {
  const idle = new AbortController()
  let timer = setTimeout(() => idle.abort(), patience)
  const alive = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => idle.abort(), patience)
  }
  const ends = signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal])
  try {
    const response = await fetch(address, {
      headers: { 'accept-encoding': 'identity', ...(start > 0 && { range: `bytes=${start}-` }) },
      signal: ends,
    })
    const place = await placeOf(response, { address, file, start })
    if (place === 'whole') return start
    if (place === 'another') {
      await target.truncate(0)
      throw new Lost('the server has another file than before')
    }
    const total = place.total
    if (bytes !== undefined && total !== undefined && total !== bytes) {
      throw new InputError(address, `has ${total} bytes, not the ${bytes} that are published`, {
        expected: `fetch it elsewhere and put it at ${file}`,
      })
    }
    if (place.start !== start) await target.truncate(place.start)
    let done = place.start
    for await (const chunk of response.body ?? []) {
      alive()
      await target.appendFile(chunk)
      done += chunk.byteLength
      onProgress?.({ done, total })
    }
    if (total !== undefined && done < total)
      throw new Lost(`the connection ended after ${done} of ${total} bytes`)
    return total
  } catch (error) {
    signal?.throwIfAborted()
    if (idle.signal.aborted) throw new Lost(`nothing came for ${patience / 1000} s`)
    throw explain(error, { address, file })
  } finally {
    clearTimeout(timer)
  }
}

/** Where the body begins, and the length of the whole file; 'whole': nothing is left to come; 'another': what is there is no part of it. */
async function placeOf(
  response: Response,
  { address, file, start }: { address: string; file: string; start: number },
): Promise<{ readonly start: number; readonly total: number | undefined } | 'whole' | 'another'> {
  const { status, headers } = response
  const refuse = async <E extends Error>(error: E): Promise<never> => {
    await response.body?.cancel().catch(() => undefined)
    throw error
  }
  if (status === 206) {
    const [, from, whole] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
    if (Number(from) !== start)
      return refuse(byHand(address, file, 'the server sends another part than was asked for'))
    return { start, total: whole === '*' || whole === undefined ? undefined : Number(whole) }
  }
  if (status === 416) {
    await response.body?.cancel().catch(() => undefined)
    const [, whole] = /^bytes \*\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
    return Number(whole) === start ? 'whole' : 'another'
  }
  if (status === 429 || status >= 500) return refuse(new Lost(`the server says ${statusOf(response)}`))
  if (!response.ok) {
    return refuse(
      new InputError(address, `the server says ${statusOf(response)}`, {
        expected: handWords(address, file),
      }),
    )
  }
  if (headers.get('content-type')?.includes('text/html') === true) {
    return refuse(
      new InputError(address, 'the server sends a web page, not the file', {
        expected: `${handWords(address, file)}; a network that wants a login first answers so`,
      }),
    )
  }
  const length = headers.get('content-length')
  return { start: 0, total: length === null ? undefined : Number(length) }
}

function statusOf({ status, statusText }: Response): string {
  return briefName(`${status} ${statusText}`.trim())
}

const NO_NETWORK = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ECONNREFUSED',
  'ENETDOWN',
])

function explain(error: unknown, { address, file }: { address: string; file: string }): unknown {
  if (error instanceof TagmaskError) return error
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = codeOf(cause) ?? (cause instanceof AggregateError ? codeOf(cause.errors[0]) : undefined)
  if (code !== undefined && NO_NETWORK.has(code))
    return byHand(address, file, `no connection (${code})`, error)
  if (code !== undefined && /^E[A-Z]+$/.test(code) && !/^(ECONN|EPIPE|ETIMEDOUT)/.test(code))
    return explainWriteError(file, error)
  return new Lost(textOf(cause))
}

function byHand(address: string, file: string, problem: string, cause?: unknown): InputError {
  return new InputError(address, `cannot be fetched: ${problem}`, {
    expected: handWords(address, file),
    cause,
  })
}

function handWords(address: string, file: string): string {
  return `fetch ${address} by hand and put it at ${file}`
}

function signalOf({ signal }: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
