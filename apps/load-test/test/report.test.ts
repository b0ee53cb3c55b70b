/// <reference lib="dom" />
import { eventually, startBrowser } from '@tenantry/testing'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { htmlReport } from '../src/html-report.ts'
import { keepScreenshot, openReport, paintedIn } from './support/report-page.ts'
import { brokenResults, EVERY_DISTURBANCE, sampleResults } from './support/sample-results.ts'

const PHONE = { width: 360, height: 740 }
const CHARTS = ['throughput', 'latency', 'convergence']

const browser = await startBrowser()
t.teardown(() => browser.close())

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`all charts are drawn, and axe finds nothing serious (${colorScheme})`, async (t) => {
    const results = sampleResults({ disturbances: EVERY_DISTURBANCE })
    const page = await openReport(t, browser, { results, colorScheme })
    t.equal(await page.getByRole('heading', { level: 1 }).textContent(), '✓Passed')
    t.match(await page.title(), /^0 stale, \d+ failed, 0 torn, 0 wrong in [\d,]{9} requests/)
    t.ok((await paintedIn(page, 'throughput', 'area')) > 500)
    t.ok((await paintedIn(page, 'throughput', 'bad')) > 100, 'the kill, the outage, and what failed')
    t.ok((await paintedIn(page, 'latency', 'line-1')) > 500)
    t.ok((await paintedIn(page, 'latency', 'line-2')) > 300)
    t.ok((await paintedIn(page, 'convergence', 'line-1')) > 5000)
    await page.getByText('replica-2 was killed').waitFor()
    await page.getByText('The axis is logarithmic.').waitFor()
    await keepScreenshot(page, `report-${colorScheme}`)
    await nothingSerious(t, page)
    for (const summary of await page.locator('summary').all()) await summary.click()
    await nothingSerious(t, page)
  })
}

t.test('what is broken comes before the charts, and is marked in them', async (t) => {
  const page = await openReport(t, browser, { results: brokenResults() })
  t.equal(await page.getByRole('heading', { level: 1 }).textContent(), '✕Broken')
  t.same(await page.getByRole('heading', { level: 2 }).allTextContents(), [
    'The first findings',
    'Second by second',
    'Convergence',
    'Throughput and latency',
    'Restarts',
    'What it cost',
    'Replicas',
    'How it was run',
  ])
  t.equal(await page.locator('.findings tbody tr').count(), 12)
  t.ok((await paintedIn(page, 'throughput', 'bad')) > 100)
  await nothingSerious(t, page)
  await keepScreenshot(page, 'report-broken')
})

t.test('the charts take the other colours when the system does', async (t) => {
  const page = await openReport(t, browser, { results: sampleResults(), colorScheme: 'light' })
  t.ok((await paintedIn(page, 'latency', 'line-2')) > 300)
  await page.emulateMedia({ colorScheme: 'dark' })
  await soon(async () => (await paintedIn(page, 'latency', 'line-2')) > 300)
})

t.test('on a phone the page is as wide as the phone, tables opened and all', async (t) => {
  const results = brokenResults({ disturbances: EVERY_DISTURBANCE.filter(({ to }) => to < 30) })
  const page = await openReport(t, browser, { results, viewport: PHONE, hasTouch: true, isMobile: true })
  await keepScreenshot(page, 'report-phone')
  for (const summary of await page.locator('summary').all()) await summary.click()
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width)
  for (const chart of CHARTS) {
    const box = await page.locator(`#${chart} canvas`).boundingBox()
    t.ok(box !== null && box.x >= 0 && box.x + box.width <= PHONE.width, `${chart} fits`)
  }
  await page.setViewportSize({ width: 900, height: 700 })
  await soon(async () => ((await page.locator('#latency canvas').boundingBox())?.width ?? 0) > 700)
})

t.test('by keyboard, a chart is read place by place', async (t) => {
  const results = sampleResults({ seconds: 40 })
  const page = await openReport(t, browser, { results })
  const slider = page.getByRole('slider', { name: 'Throughput: a place in the chart' })
  await page.keyboard.press('Tab')
  t.ok(
    await slider.evaluate((element) => element === document.activeElement),
    'it is the first to be reached',
  )
  t.equal(await slider.getAttribute('aria-valuetext'), 'no place chosen')

  const first = results.timeline[0]?.requests.toLocaleString('en-US')
  for (const [key, place] of [
    ['ArrowRight', 1],
    ['ArrowRight', 2],
    ['ArrowLeft', 1],
    ['ArrowLeft', 1],
    ['End', 40],
    ['ArrowRight', 40],
    ['PageDown', 36],
    ['PageUp', 40],
    ['Home', 1],
  ] as const) {
    await page.keyboard.press(key)
    const { requests, restarts } = results.timeline[place - 1] as (typeof results.timeline)[number]
    const said = `${place} s: Requests ${requests.toLocaleString('en-US')}; Restarts ${restarts}`
    await soon(async () => (await slider.getAttribute('aria-valuetext')) === said)
  }
  t.equal(await page.locator('#throughput .at').textContent(), '1 s')
  t.equal(await page.locator('#throughput .legend b').first().textContent(), first)
  await page.keyboard.press('Tab')
  await soon(async () => (await page.locator('#throughput .at').textContent()) === '')

  const bars = page.getByRole('slider', { name: 'From a restart to the last replica: a place' })
  const says = (text: string) =>
    soon(async () => (await bars.getAttribute('aria-valuetext'))?.startsWith(text))
  await bars.press('End')
  await says('longer: Restarts 0; Share 0 %')
  await bars.press('ArrowLeft')
  await says('up to 2,000 ms: Restarts 0')
})

t.test('under the pointer, both charts over time tell of the same second', async (t) => {
  const page = await openReport(t, browser, { results: sampleResults() })
  await page.locator('#latency .u-over').hover()
  const at = (chart: string) => page.locator(`#${chart} .at`).textContent()
  await soon(async () => /^\d+ s$/.test((await at('latency')) ?? ''))
  await soon(async () => (await at('throughput')) === (await at('latency')))
})

t.test('whatever is in the results stays text', async (t) => {
  const evil = `</script></style></title><script>document.title = 'owned'</script><img src=x onerror="owned()">"'>&amp;`
  const name = `${evil}\u202e\n`
  const results = brokenResults({
    command: name,
    scene: name,
    startedAt: '2026-11-22T19:26:00.000Z',
    machine: { node: evil, cpus: 1, cpuModel: evil, platform: evil },
    findings: [{ at: 1, kind: 'wrong', tenant: name, replica: name, message: name }],
    disturbances: [{ kind: 'kill', from: 2, to: 3, subject: name }],
  })
  const page = await openReport(t, browser, {
    results: {
      ...results,
      cost: {
        ...results.cost,
        replicas: [{ name, answers: 1 }],
        redisCommands: [{ command: name, calls: 1 }],
      },
    },
  })
  t.match(await page.title(), /^410 stale/)
  t.same(await page.locator('img').count(), 0)
  t.same(await page.locator('script').count(), 1)
  const cells = await page.locator('.findings tbody td').allTextContents()
  t.same(cells, ['1.0 s', 'wrong', ...Array(3).fill(`${evil}\ufffd\ufffd`)])
  t.same(await page.locator('.rows code').textContent(), `${evil}\ufffd\ufffd`)
  t.ok((await paintedIn(page, 'throughput', 'area')) > 500)
})

t.test('no other script runs and nothing is fetched, even if markup got in', async (t) => {
  const page = await openReport(t, browser, { results: sampleResults(), expected: /Content Security Policy/ })
  await page.evaluate(() => {
    const said: string[] = []
    document.addEventListener('securitypolicyviolation', (event) => said.push(event.effectiveDirective))
    const script = document.createElement('script')
    script.textContent = 'window.owned = true'
    const style = document.createElement('style')
    style.textContent = 'body { display: none }'
    document.body.append(script, style)
    fetch('https://127.0.0.1:9/').catch(() => {})
    Object.assign(window, { said })
  })
  const refused = () => page.evaluate(() => (window as unknown as { said: string[] }).said.sort().join())
  await soon(async () => (await refused()) === 'connect-src,script-src-elem,style-src-elem')
  t.notOk(await page.evaluate(() => 'owned' in window))
  t.ok(await page.locator('body').isVisible())
})

t.test('without scripts there are the tables', async (t) => {
  const page = await openReport(t, browser, { results: sampleResults(), javaScriptEnabled: false })
  t.equal(await page.locator('.plot:visible').count(), 0)
  await page.getByText('Latency as a table').first().click()
  await page.getByRole('columnheader', { name: 'p99, ms' }).waitFor()
  t.equal(await page.locator('#latency tbody tr').count(), 60)
})

t.test('a run of a second, one with gaps, and one that measured nothing have a page, too', async (t) => {
  const short = await openReport(t, browser, { results: sampleResults({ seconds: 1 }) })
  t.ok((await paintedIn(short, 'throughput', 'area')) > 5, 'a single second is a point')
  await keepScreenshot(short, 'report-short')

  const results = sampleResults()
  const silent = (at: number) => at > 20 && at < 30
  const timeline = results.timeline.map((moment) =>
    silent(moment.at) ? { ...moment, requests: 0, p50: null, p99: null } : moment,
  )
  const gaps = await openReport(t, browser, { results: { ...results, timeline } })
  t.ok((await paintedIn(gaps, 'latency', 'line-1')) > 300)
  await keepScreenshot(gaps, 'report-gaps')

  const none = { count: 0, p50: 0, p99: 0, max: 0 }
  const nothing = await openReport(t, browser, {
    results: {
      ...sampleResults({ seconds: 0 }),
      requestsPerSecond: 0,
      convergence: { first: none, last: none, open: 0, histogram: [] },
      cost: { replicas: [] },
    },
  })
  t.equal(await nothing.getByRole('heading', { level: 1 }).textContent(), '!Proves nothing')
  t.equal(await nothing.locator('figure').count(), 0)
  await nothing.getByText('could not be asked for').first().waitFor()
  await keepScreenshot(nothing, 'report-nothing')
})

t.test('the page of a run of a minute is below 150 KB, and keeps the licence of what draws it', async (t) => {
  const page = htmlReport(sampleResults({ disturbances: EVERY_DISTURBANCE }))
  t.ok(Buffer.byteLength(page) < 150_000, `${Buffer.byteLength(page)} bytes`)
  t.match(page, 'Copyright (c) 2022 Leon Sorokin')
  t.match(page, 'Permission is hereby granted, free of charge')
})

/** For machines that have much else to do. */
function soon(condition: () => Promise<boolean | undefined>): Promise<boolean> {
  return eventually(condition, { timeoutMs: 30_000 })
}

async function nothingSerious(t: Test, page: Page): Promise<void> {
  await page.evaluate(axe.source)
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
    return (await axe.run()).violations
  })
  t.same(
    violations.map(({ id, nodes }) => ({ id, html: nodes.map(({ html }) => html) })),
    [],
  )
}

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string }[]
}
