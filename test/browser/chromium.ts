/** @file The system's Chromium for tests of pages; undefined, said in one line, where there is none. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { repository } from '../source-files.ts'

/** As scripts/install-browser.mjs finds it. */
export function browserPath(): string | undefined {
  const script = join(repository, 'scripts/install-browser.mjs')
  const code = `import { findBrowser } from ${JSON.stringify(script)}; process.stdout.write(findBrowser() ?? '')`
  const path = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  if (path === '') console.warn('skipped: there is no Chromium (npm test installs it by apt, as root)')
  return path || undefined
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

/** A page, and what went wrong on it: errors, messages of the console, violations of its policy, failed requests. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; wrong: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options })
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('console', message => wrong.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', error => wrong.push(error.message))
  page.on('requestfailed', request => wrong.push(`${request.url()} ${request.failure()?.errorText}`))
  page.on('request', request => {
    if (!/^(file:|data:|http:\/\/127\.0\.0\.1)/.test(request.url())) wrong.push(`asked for ${request.url()}`)
  })
  return { page, wrong }
}
