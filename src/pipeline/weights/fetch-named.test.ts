import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { tagmask } from '../../../test/command-line.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { IMAGENET } from '../../data/transforms/normalise.ts'
import { NAMED_WEIGHTS, type NamedWeight, namedWeight } from '../../models/named-weights.ts'
import { createLog, silentLog } from '../../train/log.ts'
import { loadRecipe } from '../recipe/load.ts'
import { parseSet } from '../recipe/overrides.ts'
import { fetchNamed } from './fetch-named.ts'
import { cachedFile, weightCache, weightsPath } from './weight-cache.ts'

const FILE = Buffer.from('weights, as they were published')
const sha256 = createHash('sha256').update(FILE).digest('hex')

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const tiny = (address: string | undefined, more: Partial<NamedWeight> = {}): NamedWeight => ({
  name: 'tiny',
  what: 'a test',
  file: 'tiny.pth',
  address,
  sha256: sha256.slice(0, 8),
  checksumFrom: 'its name',
  bytes: undefined,
  licence: 'none',
  normalisation: IMAGENET,
  ...more,
})

describe('the list', () => {
  test('names are unique, files too, and checksums are those in the names of files', () => {
    expect(new Set(NAMED_WEIGHTS.map(({ name }) => name)).size).toBe(NAMED_WEIGHTS.length)
    expect(new Set(NAMED_WEIGHTS.map(({ file }) => file)).size).toBe(NAMED_WEIGHTS.length)
    for (const { file, sha256, checksumFrom, address, page } of NAMED_WEIGHTS) {
      if (checksumFrom === 'its name') expect(file).toContain(`-${sha256}.pth`)
      else if (sha256 !== undefined) expect(sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(address ?? page).toMatch(/^https:/)
    }
    expect(['deit-ti', 'deit-s', 'deit-b'].map(name => namedWeight(name)?.sha256)).toEqual([
      'a1311bcf',
      'cd65a155',
      'b5f2ef4d',
    ])
  })

  test('tagmask weights list', async () => {
    const { out, code } = await tagmask('weights', 'list')
    expect(code).toBe(0)
    expect(out).toMatch(/^name +weights +size +SHA-256 +licence +here$/m)
    expect(out).toMatch(
      /^deit-s +DeiT-S, ImageNet-1k +not published +cd65a155\.\.\. \(its name\) +Apache-2\.0$/m,
    )
    expect(out).toContain(
      '  deit-s: https://dl.fbaipublicfiles.com/deit/deit_small_patch16_224-cd65a155.pth; pixels: mean [0.485',
    )
    const json = JSON.parse((await tagmask('weights', 'list', '--json')).out) as { name: string }[]
    expect(json.map(({ name }) => name)).toEqual(NAMED_WEIGHTS.map(({ name }) => name))
  })
})

describe('the cache', () => {
  test('is where the environment says', () => {
    expect(weightCache({})).toBe(join(homedir(), '.cache/tagmask/weights'))
    expect(weightCache({ XDG_CACHE_HOME: '/x' })).toBe('/x/tagmask/weights')
    expect(weightCache({ XDG_CACHE_HOME: 'relative' })).toBe(join(homedir(), '.cache/tagmask/weights'))
    expect(weightCache({ XDG_CACHE_HOME: '/x', TAGMASK_CACHE: 'here' })).toBe(resolve('here'))
  })

  test('stands for names in flags and recipes, unless a file has the name', async () => {
    const env = { TAGMASK_CACHE: '/cache' }
    expect(weightsPath('deit-s', env)).toBe('/cache/deit_small_patch16_224-cd65a155.pth')
    expect(weightsPath('a.pth', env)).toBe(resolve('a.pth'))
    vi.stubEnv('TAGMASK_CACHE', '/cache')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(parseSet('segment.weights=vit-s-augreg').value).toMatch(/^\/cache\/S_16-.*_384\.npz$/)
    const folder = await temporaryFolder({
      'my.yaml': 'method: mctformer\nweights: deit-ti\nsegment: { weights: own.pth }\n',
    })
    const { recipe } = await loadRecipe(join(folder, 'my.yaml'))
    expect([recipe.weights, recipe.segment?.weights]).toEqual([
      '/cache/deit_tiny_patch16_224-a1311bcf.pth',
      'own.pth',
    ])
  })
})

describe('fetching', () => {
  test('says what comes, where from, and how it was checked', async () => {
    const env = { TAGMASK_CACHE: await temporaryFolder({}) }
    const address = await serve((_, response) => response.end(FILE))
    const lines: string[] = []
    const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
    const path = await fetchNamed(tiny(`${address}/tiny.pth`), { log, env })
    expect(path).toBe(join(env.TAGMASK_CACHE, 'tiny.pth'))
    expect((await readFile(path)).equals(FILE)).toBe(true)
    const text = lines.join('')
    expect(text).toContain(
      `weights: fetching tiny from ${address}/tiny.pth (size not published; licence: none)\n`,
    )
    expect(text).toContain(
      `weights: ${path}; its SHA-256 begins with ${sha256.slice(0, 8)}, as its name says\n`,
    )
    lines.length = 0
    await fetchNamed(tiny(undefined), { log, env })
    expect(lines).toEqual([])
    await rm(path)
    await fetchNamed(tiny(`${address}/tiny.pth`), { log, env, reason: 'the dry run reads them' })
    expect(lines.join('')).toContain('licence: none): the dry run reads them\n')
  })

  test('says plainly that nobody publishes a checksum', async () => {
    const env = { TAGMASK_CACHE: await temporaryFolder({}) }
    const address = await serve((_, response) => response.end(FILE))
    const lines: string[] = []
    const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
    await fetchNamed(tiny(address, { sha256: undefined, bytes: FILE.length }), { log, env })
    expect(lines.join('')).toContain('nobody publishes a checksum of it: only its length was compared')
  })

  test('from a mirror', async () => {
    const seen: (string | undefined)[] = []
    const mirror = await serve((request, response) => {
      seen.push(request.url)
      response.end(FILE)
    })
    const env = { TAGMASK_CACHE: await temporaryFolder({}), TAGMASK_MIRROR: `${mirror}/here/` }
    await fetchNamed(tiny('https://nowhere.invalid/tiny.pth'), { log: silentLog(), env })
    expect(seen).toEqual(['/here/tiny.pth'])
  })

  test('a file put there by hand is compared, and one without an address is asked for', async () => {
    const env = { TAGMASK_CACHE: await temporaryFolder({ 'tiny.pth': 'another file' }) }
    const fetching = fetchNamed(tiny('https://nowhere.invalid/'), { log: silentLog(), env })
    await expect(fetching).rejects.toThrow(
      `${join(env.TAGMASK_CACHE, 'tiny.pth')}: is not tiny.pth as published: its SHA-256 does not begin with ${sha256.slice(0, 8)}; move it away, and tiny is fetched again`,
    )
    const page = tiny(undefined, { file: 'else.pth', page: 'https://page' })
    await expect(fetchNamed(page, { log: silentLog(), env })).rejects.toThrow(
      `tiny: has no address that can be fetched; fetch else.pth by hand, as https://page links it, and put it at ${join(env.TAGMASK_CACHE, 'else.pth')}`,
    )
  })

  test('on the command line: errors of the server, names, and a run that asks for a name', async () => {
    const cache = await temporaryFolder({})
    const mirror = await serve((request, response) => {
      if (request.url?.includes('tiny')) response.writeHead(404).end()
      else response.end(FILE)
    })
    vi.stubEnv('TAGMASK_CACHE', cache)
    vi.stubEnv('TAGMASK_MIRROR', mirror)
    onTestFinished(() => void vi.unstubAllEnvs())
    const missing = await tagmask('weights', 'fetch', 'deit-ti')
    const path = cachedFile(namedWeight('deit-ti')!)
    const address = `${mirror}/deit_tiny_patch16_224-a1311bcf.pth`
    expect([missing.code, missing.err]).toEqual([
      1,
      `error: ${address}: the server says 404 Not Found; fetch ${address} by hand and put it at ${path}\n`,
    ])
    expect((await tagmask('weights', 'fetch', 'deit-s')).err).toContain(
      `has the SHA-256 ${sha256.slice(0, 8)}, not cd65a155`,
    )
    expect((await tagmask('weights', 'fetch', 'deit-xs')).err).toBe(
      'error: deit-xs: there are no weights of this name; did you mean deit-s?\n',
    )
    const run = await tagmask(
      'run',
      'mctformer_demo',
      '--weights',
      'deit-ti',
      '--runs',
      join(cache, 'runs'),
      '--set',
      `data.root=${join(cache, 'demo')}`,
      '--set',
      'data.demo={images: 4, valImages: 2, size: 32, seed: 1}',
      '--set',
      'data.layout=demo',
    )
    expect([run.code, run.err]).toEqual([1, missing.err])
  })

  test('two fetches at once give one file', async () => {
    const env = { TAGMASK_CACHE: await temporaryFolder({}) }
    let requests = 0
    const address = await serve((_, response) => {
      requests++
      setTimeout(() => response.end(FILE), 100)
    })
    await mkdir(join(env.TAGMASK_CACHE, 'sub'))
    await writeFile(join(env.TAGMASK_CACHE, 'sub', 'kept'), '')
    await Promise.all([1, 2].map(() => fetchNamed(tiny(address), { log: silentLog(), env })))
    expect(requests).toBe(1)
  })
})
