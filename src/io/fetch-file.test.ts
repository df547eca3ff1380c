import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { InputError } from '../errors.ts'
import { fetchFile } from './fetch-file.ts'

const FILE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 256))
const sha256 = createHash('sha256').update(FILE).digest('hex')

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

interface Served {
  readonly address: string
  /** The Range header of each request. */
  readonly ranges: (string | undefined)[]
  readonly close: () => Promise<void>
}

async function serve(answer: Answer): Promise<Served> {
  const ranges: (string | undefined)[] = []
  const server: Server = createServer((request, response) => {
    ranges.push(request.headers.range)
    answer(request, response, ranges.length)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/weights.pth`
  const close = (): Promise<void> => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(() => resolve()))
  }
  onTestFinished(close)
  return { address, ranges, close }
}

/** As a server that knows ranges; `most`: bytes after which the connection ends. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  { most = FILE.length, file = FILE } = {},
): void {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
  const start = Number(from ?? 0)
  if (start >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
    return
  }
  const body = file.subarray(start)
  const range = { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': body.length,
    ...(from !== undefined && range),
  })
  if (body.length <= most) response.end(body)
  else response.write(body.subarray(0, most), () => setTimeout(() => response.destroy(), 20))
}

const quick = { retryDelay: 5 }

async function target(files: Readonly<Record<string, string | Uint8Array>> = {}) {
  const folder = await temporaryFolder(files)
  return { folder, path: join(folder, 'cache', 'weights.pth') }
}

describe('a file', () => {
  test('comes whole, its folder is made, progress says how much', async () => {
    const { path } = await target()
    const { address, ranges } = await serve((request, response) => send(request, response))
    const seen: number[] = []
    await fetchFile(address, path, {
      sha256,
      bytes: FILE.length,
      onProgress({ done, total }) {
        expect(total).toBe(FILE.length)
        seen.push(done)
      },
    })
    expect((await readFile(path)).equals(FILE)).toBe(true)
    expect(seen.at(-1)).toBe(FILE.length)
    await fetchFile(address, path, { sha256 })
    expect(ranges).toEqual([undefined])
    expect(await readdir(join(path, '..'))).toEqual(['weights.pth'])
  })

  test('goes on after each lost connection', async () => {
    const { path } = await target()
    const { address, ranges } = await serve((request, response) => send(request, response, { most: 70_000 }))
    await fetchFile(address, path, { ...quick, sha256 })
    expect((await readFile(path)).equals(FILE)).toBe(true)
    const starts = ranges.map(range => Number(range?.slice('bytes='.length, -1) ?? 0))
    expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    expect([starts[0], starts.length]).toEqual([0, expect.toSatisfy(count => count >= 5)])
    expect(new Set(starts).size).toBe(starts.length)
  })

  test('begins again where the server knows no ranges', async () => {
    const { path } = await target()
    const { address } = await serve((request, response, count) => {
      request.headers.range = undefined
      send(request, response, count < 3 ? { most: 100_000 } : {})
    })
    await fetchFile(address, path, { ...quick, sha256 })
    expect((await readFile(path)).equals(FILE)).toBe(true)
  })

  test('a busy server is asked again', async () => {
    const { path } = await target()
    const { address, ranges } = await serve((request, response, count) => {
      if (count < 3) response.writeHead(503).end()
      else send(request, response)
    })
    await fetchFile(address, path, { ...quick, sha256 })
    expect(ranges).toHaveLength(3)
  })

  test('a connection that gives nothing is lost', async () => {
    const { path } = await target()
    const { address, ranges } = await serve((request, response, count) => {
      if (count > 1) send(request, response)
    })
    await fetchFile(address, path, { ...quick, sha256, patience: 100 })
    expect(ranges).toHaveLength(2)
  })

  test('redirects are followed', async () => {
    const { path } = await target()
    const { address } = await serve((request, response) => {
      if (request.url === '/weights.pth') response.writeHead(302, { location: '/elsewhere' }).end()
      else send(request, response)
    })
    await fetchFile(address, path, { sha256: sha256.slice(0, 8) })
    expect((await readFile(path)).equals(FILE)).toBe(true)
  })

  test('what a stopped fetch left is used by the next', async () => {
    const { path } = await target()
    const { address, ranges } = await serve((request, response, count) => {
      if (count > 1) return send(request, response)
      response.writeHead(200, { 'content-length': FILE.length })
      response.write(FILE.subarray(0, 100_000))
    })
    const script = `import { fetchFile } from '${built('fetch-file')}'
      await fetchFile('${address}', '${path}', { sha256: '${sha256}', onProgress: ({ done }) => { if (done === 100000) process.kill(process.pid, 'SIGKILL') } })`
    expect(await ends(script)).toBe('SIGKILL')
    await fetchFile(address, path, { sha256 })
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)])
    expect((await readFile(path)).equals(FILE)).toBe(true)
    expect(await readdir(join(path, '..'))).toEqual(['weights.pth'])
  })

  test('a beginning of another file is thrown away', async () => {
    const { path } = await target()
    const { address, ranges } = await serve((request, response) => send(request, response))
    const script = `import { mkdirSync, writeFileSync } from 'node:fs'
      import { writerName } from '${built('temporary-name')}'
      mkdirSync('${join(path, '..')}')
      writeFileSync('${path}.' + writerName() + '.part', 'another file')`
    await ends(script)
    await fetchFile(address, path, { sha256 })
    expect((await readFile(path)).equals(FILE)).toBe(true)
    expect(ranges).toEqual(['bytes=12-', undefined])
  })
})

describe('two processes at once', () => {
  test('one fetches, the other waits for it', async () => {
    const { path } = await target()
    const { address, ranges } = await serve((request, response) =>
      setTimeout(() => send(request, response), 400),
    )
    let waited = 0
    const other = ends(
      `import { fetchFile } from '${built('fetch-file')}'
      await fetchFile('${address}', '${path}', { sha256: '${sha256}' })`,
    )
    const ours = fetchFile(address, path, { sha256, onWait: () => waited++ })
    await Promise.all([ours, fetchFile(address, path, { sha256, onWait: () => waited++ }), other])
    expect((await readFile(path)).equals(FILE)).toBe(true)
    expect(ranges).toHaveLength(1)
    expect(waited).toBeGreaterThan(0)
    expect(await readdir(join(path, '..'))).toEqual(['weights.pth'])
  })

  test('the lock of a killed process is replaced', async () => {
    const { path } = await target()
    const { address } = await serve((request, response) => send(request, response))
    await ends(`import { mkdirSync, writeFileSync } from 'node:fs'
      import { writerName } from '${built('temporary-name')}'
      mkdirSync('${join(path, '..')}')
      writeFileSync('${path}.lock', writerName())`)
    await fetchFile(address, path, { sha256 })
    expect((await readFile(path)).equals(FILE)).toBe(true)
  })

  test('waiting ends with the signal', async () => {
    const { path, folder } = await target({ 'cache/weights.pth.lock': '' })
    await writeFile(join(folder, 'cache/weights.pth.lock'), '')
    const stop = new AbortController()
    const fetching = fetchFile('http://127.0.0.1:9/', path, {
      signal: stop.signal,
      onWait: () => stop.abort(),
    })
    await expect(fetching).rejects.toThrow('abort')
  })
})

describe('what goes wrong is said', () => {
  const refused = async (answer: Answer, options: Parameters<typeof fetchFile>[2] = {}) => {
    const { path } = await target()
    const { address } = await serve(answer)
    const error = await fetchFile(address, path, { ...quick, ...options }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InputError)
    expect(await readdir(join(path, '..'))).toEqual([])
    return { text: (error as Error).message, address, path }
  }

  test('a wrong checksum', async () => {
    const { text, address, path } = await refused((request, response) => send(request, response), {
      sha256: '00000000',
    })
    expect(text).toBe(
      `${address}: has the SHA-256 ${sha256.slice(0, 8)}, not 00000000; another file is there, or something on the way changes it; what came was removed: fetch it elsewhere and put it at ${path}`,
    )
  })

  test('another length', async () => {
    const { text, address } = await refused((request, response) => send(request, response), { bytes: 5 })
    expect(text).toContain(`${address}: has 300000 bytes, not the 5 that are published; fetch it elsewhere`)
  })

  test('404', async () => {
    const { text, address, path } = await refused((_, response) => response.writeHead(404).end('no'))
    expect(text).toBe(
      `${address}: the server says 404 Not Found; fetch ${address} by hand and put it at ${path}`,
    )
  })

  test('a web page', async () => {
    const { text } = await refused((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>login</html>'),
    )
    expect(text).toContain('the server sends a web page, not the file')
  })

  test('a connection that is always lost', async () => {
    const { text } = await refused((_, response) => response.destroy(), { sha256 })
    expect(text).toMatch(/: cannot be fetched: .+; fetch http.+ by hand and put it at .+weights\.pth$/)
  })

  test('no network', async () => {
    const { path } = await target()
    const { address, close } = await serve(() => undefined)
    await close()
    await expect(fetchFile(address, path, quick)).rejects.toThrow(
      `${address}: cannot be fetched: no connection (ECONNREFUSED); fetch ${address} by hand and put it at ${path}`,
    )
    await expect(fetchFile('http://nowhere.invalid/weights.pth', path, quick)).rejects.toThrow(
      /cannot be fetched: no connection \((ENOTFOUND|EAI_AGAIN)\)/,
    )
  })

  test('a folder that cannot be made', async () => {
    const { folder } = await target({ cache: 'a file' })
    await expect(fetchFile('http://127.0.0.1:1/', join(folder, 'cache/weights.pth'))).rejects.toThrow(
      `${join(folder, 'cache')}: is not a folder; move it elsewhere`,
    )
  })
})

function built(name: string): string {
  return join(import.meta.dirname, '../../dist/src/io', `${name}.js`)
}

/** How a program ends: its exit code or signal. */
async function ends(script: string): Promise<number | string | null> {
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return new Promise(resolve => program.on('exit', (code, signal) => resolve(signal ?? code)))
}
