/** @file Before the tests: Chromium by apt where this is root on Debian; elsewhere says that its tests are skipped. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aptInstall, canApt } from './install-libtorch.mjs'
import { say } from './setup-log.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Path of a Chromium on PATH, or what CHROMIUM names; undefined without one. */
export function findBrowser() {
  const folders = (process.env.PATH ?? '').split(':').filter(folder => folder !== '')
  const places = folders.flatMap(folder => NAMES.map(name => join(folder, name)))
  return [process.env.CHROMIUM, ...places].find(path => path !== undefined && isProgram(path))
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && findBrowser() === undefined) {
  const installed = canApt() && aptInstall(['chromium']) && findBrowser() !== undefined
  if (!installed) say('no Chromium: the tests of reports in a browser will be skipped (CHROMIUM names one)')
}
