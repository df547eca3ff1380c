import { createReadStream } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDataset } from '../../src/data/dataset.ts'
import { generateDemo } from '../../src/data/demo/index.ts'
import { predictLabels } from '../../src/evaluate/index.ts'
import { readLabelMap } from '../../src/io/indexed-png.ts'
import { fromFloat32 } from '../../src/io/tensor-data.ts'
import { readCams, writeCams } from '../../src/pipeline/images/cam-file.ts'
import type { GalleryImage } from '../../src/pipeline/report/index.ts'
import { writeReport } from '../../src/pipeline/report/index.ts'
import { THOROUGH } from '../suite/thorough.ts'
import { browserPath, launch, openPage } from './chromium.ts'
import { contrasts } from './contrast.ts'
import { EVIL, HEIGHT, IMAGES, smallReport, WIDTH } from './small-report.ts'

const chromium = browserPath()

let folder = ''
let address = ''
let browser: Browser

beforeAll(async () => {
  if (chromium === undefined) return
  folder = await mkdtemp(join(tmpdir(), 'tagmask browser-')) // with a blank, as in many names
  const { html } = await writeReport(folder, await smallReport(folder))
  address = pathToFileURL(html).href
  browser = await launch(chromium)
}, 120_000)

afterAll(async () => {
  await browser?.close()
  if (folder !== '') await rm(folder, { recursive: true, force: true })
})

/** Until the button of this image has the focus. */
const focus = (page: Page, name: string): Promise<unknown> =>
  page.waitForFunction(
    wanted => document.activeElement?.getAttribute('aria-label')?.startsWith(`enlarge ${wanted}`),
    name,
  )
const SIDE = 192 // pixels of the many images
const MANY = THOROUGH ? 1100 : 220
const shown = (page: Page): Promise<string[]> => page.locator('#images .name').allTextContents()
const setThreshold = (page: Page, value: number): Promise<void> =>
  page.locator('#threshold').evaluate((slider, to) => {
    const input = slider as HTMLInputElement
    input.value = String(to)
    input.dispatchEvent(new Event('input', { bubbles: true }))
  }, value)

describe.skipIf(chromium === undefined)('report.html in Chromium', () => {
  it('opens from a file and from a server, and every image can be reached', async () => {
    const server = createServer((request, response) => {
      const path = join(folder, decodeURIComponent(request.url ?? ''))
      createReadStream(path)
        .on('error', () => response.writeHead(404).end())
        .once('open', () =>
          response.setHeader(
            'content-type',
            path.endsWith('.html') ? 'text/html' : `image/${extname(path).slice(1)}`,
          ),
        )
        .pipe(response)
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as AddressInfo
    for (const from of [address, `http://127.0.0.1:${port}/report.html`]) {
      const { page, wrong } = await openPage(browser)
      await page.goto(from)
      const names = await shown(page)
      expect(names).toHaveLength(48)
      await page.getByRole('button', { name: 'Next page' }).first().click()
      names.push(...(await shown(page)))
      expect(names).toEqual(Array.from({ length: IMAGES }, (_, n) => `bird ${n} #1`))
      const sizes = await page.locator('#images img, #examples img').evaluateAll(async images => {
        const all = images as HTMLImageElement[]
        return Promise.all(
          all.map(async image => {
            image.loading = 'eager'
            await image.decode()
            return image.naturalWidth
          }),
        )
      })
      expect(sizes).toEqual(Array(12 * 2 + 1).fill(WIDTH))
      expect(wrong).toEqual([])
      await page.context().close()
    }
    server.close()
  })

  it('filters and sorts', async () => {
    const { page, wrong } = await openPage(browser)
    await page.goto(address)
    await page.getByLabel('Tagged with').selectOption({ label: `${EVIL} (40)` })
    expect((await shown(page)).every(name => [0, 2, 3, 4].includes(Number(name.split(' ')[1]) % 6))).toBe(
      true,
    )
    expect(await page.locator('#shown').textContent()).toBe('Images 1 to 40 of 40')
    await page.locator('#set').selectOption('val')
    expect(await page.locator('#shown').textContent()).toBe('Images 1 to 8 of 8')
    await page.locator('#name').fill('BIRD 10')
    expect(await shown(page)).toEqual(['bird 10 #1'])
    await page.locator('#name').fill('none')
    expect(await page.locator('#shown').textContent()).toBe('No image fits.')
    await page.locator('#name').fill('')
    await page.getByLabel('Tagged with').selectOption('-1')
    await page.locator('#set').selectOption('-1')
    const valuesOf = async (order: string, pattern: RegExp): Promise<number[]> => {
      await page.getByLabel('Sort by').selectOption(order)
      const notes = await page.locator('#images .note').allTextContents()
      return notes.flatMap(note => (pattern.exec(note) === null ? [] : [Number(pattern.exec(note)![1])]))
    }
    const scores = await valuesOf('worst', /mIoU ([\d.]+)/)
    expect(scores).toHaveLength(40)
    expect(scores).toEqual([...scores].sort((a, b) => a - b))
    expect(scores[0]).toBeLessThan(scores.at(-1)!)
    const unsure = await valuesOf('unsure', /unsure ([\d.]+)/)
    expect(unsure).toEqual([...unsure].sort((a, b) => b - a))
    expect(unsure[0]).toBeGreaterThan(unsure.at(-1)!)
    expect(wrong).toEqual([])
    await page.context().close()
  })

  it('the slider recolours every seed: at each threshold it is the mask of the CAM', async () => {
    const { page, wrong } = await openPage(browser)
    await page.goto(address)
    expect(await page.locator('.sticky output').textContent()).toBe('0.40')
    expect(await page.locator('.sticky .threshold-miou').textContent()).toBe('mIoU 50.00')
    await page.getByLabel('pseudo mask').check({ force: true })
    await page.addStyleTag({
      content: `.measured { position: fixed !important; inset: 0 auto auto 0; z-index: 9; width: ${WIDTH}px !important; height: ${HEIGHT}px; border-radius: 0 !important; background: #fff !important }
      .frame .photo { visibility: hidden } .frame .overlay { opacity: 1 !important }`,
    })
    for (const threshold of [0.1, 0.405, 0.7]) {
      await setThreshold(page, threshold) // which turns to the seed
      for (const n of [0, 1]) {
        const frame = page.locator('#images .frame').nth(n)
        await frame.evaluate(element => element.classList.add('measured'))
        await frame.locator('.overlay.seed').evaluate(image => (image as HTMLImageElement).decode())
        const file = join(folder, 'maps', `bird ${n} #1.safetensors`)
        const mask = predictLabels(await readCams(file), { labels: 3, threshold, file })
        const pixels = await sharp(await frame.screenshot({ scale: 'css' }))
          .removeAlpha()
          .raw()
          .toBuffer()
        const labels = Array.from(mask.data, (_, i) => {
          const [r, g] = [pixels[3 * i]!, pixels[3 * i + 1]!]
          return r > 200 && g > 200 ? 0 : r > g ? 1 : 2
        })
        await frame.evaluate(element => element.classList.remove('measured'))
        const agreeing = labels.filter((label, i) => label === mask.data[i]).length
        expect(agreeing / labels.length).toBeGreaterThan(0.995)
        expect(new Set(mask.data).size).toBeGreaterThan(1)
      }
      const text = threshold.toFixed(threshold === 0.405 ? 3 : 2)
      expect(await page.locator('#gallery code').textContent()).toContain(
        `evaluate.threshold=${text} --resume`,
      )
    }
    await page.getByRole('button', { name: 'Back to 0.4' }).click()
    expect(await page.locator('.sticky output').textContent()).toBe('0.40')
    expect(wrong).toEqual([])
    await page.context().close()
  })

  it('enlarges, turns and closes by the keyboard alone; whatever has the focus shows it', async () => {
    const { page, wrong } = await openPage(browser)
    await page.goto(address)
    const seen: string[] = []
    for (let i = 0; i < 60 && seen.at(-1) !== 'image'; i++) {
      await page.keyboard.press('Tab')
      const { kind, name, outlined } = await page.evaluate(() => {
        const focused = document.activeElement as HTMLElement
        const beside = focused.nextElementSibling // of a hidden radio button
        const outlines = [focused, beside].map(
          one => one !== null && getComputedStyle(one).outlineStyle !== 'none',
        )
        const labels = (focused as HTMLInputElement).labels
        return {
          kind: focused.className || focused.id || focused.tagName,
          name: focused.getAttribute('aria-label') ?? labels?.[0]?.textContent ?? focused.textContent,
          outlined: outlines.some(Boolean),
        }
      })
      expect([kind, name?.trim(), outlined]).toEqual([kind, expect.stringMatching(/./), true])
      seen.push(kind)
    }
    expect(seen).toEqual(
      expect.arrayContaining(['threshold', 'class', 'order', 'name', 'opacity', 'next', 'image']),
    )
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog')
    const title = page.locator('#viewer-name')
    expect(await title.textContent()).toBe('bird 0 #1')
    await page.keyboard.press('ArrowRight')
    expect(await title.textContent()).toBe('bird 1 #1')
    const pressed = page.locator('#viewer-views [aria-pressed=true]')
    expect(await pressed.textContent()).toBe('seed')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect(await pressed.textContent()).toBe('pseudo mask')
    const whole = dialog.locator('#viewer-stage .overlay')
    await whole.evaluate(image => (image as HTMLImageElement).decode())
    expect(await whole.getAttribute('src')).toBe('masks/bird%201%20%231.png')
    await page.keyboard.press('Escape')
    expect(await dialog.isVisible()).toBe(false)
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toContain(
      'bird 1 #1',
    )
    await page.keyboard.press('Enter')
    for (let i = 0; i < 58; i++) await page.keyboard.press('ArrowRight')
    expect(await title.textContent()).toBe('bird 59 #1')
    await page.keyboard.press('Escape')
    await focus(page, 'bird 59 #1')
    expect(wrong).toEqual([])
    await page.context().close()
  })

  it('is whole without the run: where photos and masks are gone, the small files are shown', async () => {
    const alone = join(folder, 'sent')
    await cp(join(folder, 'report'), join(alone, 'report'), { recursive: true })
    await cp(join(folder, 'report.html'), join(alone, 'report.html'))
    const { page } = await openPage(browser)
    await page.goto(pathToFileURL(join(alone, 'report.html')).href)
    await page.getByLabel('pseudo mask').check({ force: true })
    await page.locator('button.image').nth(2).click()
    await page.waitForFunction(() => {
      const images = [...document.querySelectorAll<HTMLImageElement>('#viewer-stage img')]
      const isSmall = (image: HTMLImageElement): boolean =>
        /report\/.*\/2\.(webp|png)$/.test(image.src) && image.naturalWidth > 0
      return images.length === 2 && images.every(isSmall)
    })
    await page.context().close()
  })

  it('a name of a class or a run stays text', async () => {
    const { page, wrong } = await openPage(browser)
    await page.goto(address)
    expect(await page.evaluate(() => document.querySelectorAll('script').length)).toBe(2)
    expect(await page.locator('h1').textContent()).toBe(EVIL)
    expect(await page.locator('.tag', { hasText: EVIL }).count()).toBeGreaterThan(20)
    expect(wrong).toEqual([])
    await page.context().close()
  })

  it('has text that can be read in light and dark, on wide and narrow screens', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [400, 1200]) {
        const { page } = await openPage(browser, { colorScheme, viewport: { width, height: 900 } })
        await page.goto(address)
        await page.locator('button.image').first().click()
        const { low, count } = await page.evaluate(contrasts)
        expect(low).toEqual([])
        expect(count).toBeGreaterThan(150)
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
        await page.context().close()
      }
    }
  })

  it('without scripts says so, and shows the examples', async () => {
    const { page, wrong } = await openPage(browser, { javaScriptEnabled: false })
    await page.goto(address)
    expect(await page.getByText('Scripts are off in this browser').isVisible()).toBe(true)
    expect(await page.locator('#controls').isVisible()).toBe(false)
    expect(await page.locator('#examples img').first().isVisible()).toBe(true)
    expect(wrong).toEqual([])
    await page.context().close()
  })

  it(`of ${MANY} images takes at most ${MANY} / 1,100 of 30 MB, and opens`, {
    timeout: 300_000,
  }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'tagmask-large-'))
    await generateDemo(join(root, 'data'), { images: 10, valImages: 1, size: SIDE })
    const { samples, classes } = await openDataset(join(root, 'data'))
    await mkdir(join(root, 'maps'))
    for (const { id, mask, tags } of samples) {
      const truth = await readLabelMap(mask!)
      const soft = await sharp(truth.data, { raw: { width: SIDE, height: SIDE, channels: 1 } })
        .linear(40)
        .blur(12)
        .raw()
        .toBuffer()
      const cam = Float32Array.from(
        { length: tags.length * SIDE * SIDE },
        (_, i) => soft[i % soft.length]! / 255,
      )
      await writeCams(join(root, 'maps', `${id}.safetensors`), {
        cam: fromFloat32(cam, [tags.length, SIDE, SIDE]),
        classes: tags,
      })
    }
    const maskOf = new Map(samples.map(({ id, mask }) => [id, mask!]))
    const images = Array.from({ length: MANY }, (_, n) => ({ ...samples[n % samples.length]!, set: 0 }))
    const masks = ['pseudo-masks', 'predictions'].map(name => ({
      title: name,
      folder: name,
      whole: [null],
      file: async ({ id }: GalleryImage) => maskOf.get(id),
    }))
    const { html } = await writeReport(root, {
      ...(await smallReport(join(root, 'other'))),
      classes,
      gallery: {
        sets: ['train'],
        images,
        tagged: true,
        cams: async ({ id }) => join(root, 'maps', `${id}.safetensors`),
        masks,
        truth: ({ id }) => readLabelMap(maskOf.get(id)!),
        threshold: { value: 0.4, choice: 'given in the recipe', command: ['tagmask '], curve: [] },
      },
    })
    const files = (await readdir(join(root, 'report'), { recursive: true })).map(name =>
      join(root, 'report', name),
    )
    const sizes = await Promise.all([html, ...files].map(async file => (await stat(file)).size))
    const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1e6
    const { page, wrong } = await openPage(browser)
    const began = performance.now()
    await page.goto(pathToFileURL(html).href)
    console.log(
      `${MANY} images: ${files.length} files, ${megabytes.toFixed(1)} MB, page ${(sizes[0]! / 1e6).toFixed(2)} MB, opened in ${((performance.now() - began) / 1000).toFixed(2)} s`,
    )
    expect(await page.locator('#shown').textContent()).toBe(`Images 1 to 48 of ${MANY}`)
    expect(files.length).toBeGreaterThan(MANY * 6)
    expect(megabytes).toBeLessThanOrEqual((30 * MANY) / 1100)
    expect(wrong).toEqual([])
    await page.context().close()
    await rm(root, { recursive: true })
  })
})
