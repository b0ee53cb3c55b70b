import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Browser } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/**
 * The system's Chromium, without a window, as a Playwright browser; `browser.close()` ends it, and so does the end of
 * the test process. It is `CHROMIUM_PATH`, or else the first on PATH of chromium, chromium-browser, google-chrome.
 *
 * @throws when there is none; the message says what to install
 */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findChromium()
  // Loaded only here: most tests need no browser, and it takes a while.
  const { chromium } = await import('playwright-core')
  // Its sandbox works neither for root nor in many a container; the pages are our own.
  return chromium.launch({ executablePath, chromiumSandbox: false })
}

function findChromium(): string {
  const chosen = process.env.CHROMIUM_PATH ?? ''
  if (chosen !== '') {
    if (isExecutable(chosen)) return chosen
    throw new Error(`CHROMIUM_PATH: expected the path of a program, got "${chosen}"`)
  }
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  const paths = NAMES.flatMap((name) => directories.map((directory) => join(directory, name)))
  const found = paths.find(isExecutable)
  if (found !== undefined) return found
  throw new Error(
    `None of ${NAMES.join(', ')} is on PATH. Install Chromium (apt-get install chromium, ` +
      'brew install --cask chromium), or name it in CHROMIUM_PATH',
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
