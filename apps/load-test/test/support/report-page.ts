/// <reference lib="dom" />
import { mkdirSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'
import type { Results } from '../../src/results.ts'
import { writeResults } from '../../src/write-results.ts'

const OUTPUT = fileURLToPath(new URL('../../test-output/', import.meta.url))

export interface OpenOptions extends BrowserContextOptions {
  /** Messages on the console that the test provokes. */
  readonly expected?: RegExp
}

/**
 * Writes the results, and opens the page from the disk as somebody does who was sent it. Fails the test over anything
 * else that the page asks for, and over what is said on the console that nobody expected.
 */
export async function openReport(
  t: Test,
  browser: Browser,
  { results, expected, ...options }: OpenOptions & { results: Results },
): Promise<Page> {
  const { html } = await writeResults(results, t.testdir())
  const url = pathToFileURL(html).href
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options })
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('pageerror', (error) => wrong.push(String(error.stack)))
  page.on('console', (message) => {
    if (expected?.test(message.text()) !== true) wrong.push(message.text())
  })
  page.on('request', (request) => {
    // What is written in the page itself is not asked of anybody.
    if (request.url() !== url && !request.url().startsWith('data:')) wrong.push(`a request: ${request.url()}`)
  })
  t.teardown(async () => {
    await context.close()
    if (wrong.length > 0) throw new Error(`Expected no request and no message, got: ${wrong.join('\n')}`)
  })
  await page.goto(url)
  return page
}

/** How many pixels of a chart have about the colour of that name in the stylesheet. */
export function paintedIn(page: Page, chart: string, colour: string): Promise<number> {
  return page.evaluate(
    ({ chart, colour }) => {
      const canvas = document.querySelector<HTMLCanvasElement>(`#${chart} canvas`)
      const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${colour}`).trim()
      const wanted = [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16))
      if (canvas === null) return 0
      // A copy: of one that is read often, the browser says how it should have been made.
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')
      copy?.drawImage(canvas, 0, 0)
      const pixels = copy?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
      let count = 0
      for (let index = 0; index < pixels.length; index += 4) {
        const isNear = wanted.every((value, part) => Math.abs(value - (pixels[index + part] ?? 0)) < 12)
        if (isNear && (pixels[index + 3] ?? 0) > 200) count++
      }
      return count
    },
    { chart, colour },
  )
}

/** Keeps what the page looks like, for people. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true })
  await page.screenshot({ path: `${OUTPUT}${name}.png`, fullPage: true })
}
