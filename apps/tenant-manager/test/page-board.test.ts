/// <reference lib="dom" />
import { CONFIG_SCHEMA } from '@tenantry/sample-server'
import type { Locator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { BoardChange, BoardTenant, Cell } from '../src/api.ts'
import { everyCell, focused, openTenant, row } from './page-support/grid.ts'
import { browserFor, keepScreenshot, type OpenOptions, openPage, startStage } from './page-support/stage.ts'
import { postgresFor, serve } from './support/manager.ts'

const AT = '2026-01-01T00:00:00Z'

const postgres = await postgresFor(t)
const browser = await browserFor(t)
const stage = await startStage(t, { browser, postgres, configSchema: CONFIG_SCHEMA })
const { authority, tell } = stage.manager

t.test('what is on its way, or not there, does not look done', async (t) => {
  const page = await openBoard(t, {
    tenants: [
      tenant('done'),
      tenant('idle'),
      tenant('half'),
      tenant('waiting', { written: false }),
      tenant('worst', { written: false }),
    ],
    replicas: ['r-1', 'r-2', 'r-3'],
    cells: {
      'r-1': {
        done: cell('current'),
        half: cell('current'),
        waiting: cell('current'),
        worst: cell('failed'),
      },
      'r-2': { done: cell('current'), waiting: cell('current'), worst: cell('behind') },
      'r-3': { done: cell('current'), waiting: cell('current') },
    },
    countedFailed: 4,
    siteUrl: 'http://{hostname}:8080/',
  })
  const current = async (id: string) =>
    row(page, id)
      .locator('.converged > span')
      .evaluateAll((spans) => spans.map(({ textContent, className }) => `${textContent} (${className})`))
  t.same(await current('done'), ['3 of 3 (all)'])
  t.same(await current('idle'), ['0 of 3 (quiet)', '3 not loaded (quiet)'])
  t.same(await current('half'), ['1 of 3 (all)', '2 not loaded (quiet)'])
  t.same(await current('waiting'), ['3 of 3 (some)', 'waits for the store (waits)'])
  t.same(await current('worst'), ['0 of 3 (some)', '1 failed (bad)', 'waits for the store (waits)'])
  t.equal(await page.locator('.summary').textContent(), '5 tenants3 replicas1 behind1 failed6 not loaded')
  t.ok(await isWhole(row(page, 'waiting').locator('.waits')))
  t.ok(await isWhole(row(page, 'worst').locator('.converged')))
  await page.getByText('not loaded: builds at its next request').waitFor()

  // The replicas' own counts have what was put right since.
  const heads = page.locator('thead .load')
  t.same(await heads.allTextContents(), ['1 failed', 'holds 4', 'holds 4'])
  t.equal(await page.getByRole('complementary').getByText('failed').count(), 1)

  const site = row(page, 'done').locator('a.site')
  t.equal(await site.textContent(), 'b.example +2')
  t.equal(await site.getAttribute('href'), 'http://b.example:8080/')
  await keepScreenshot(page, 'counts')
})

t.test('host names are taken line by line, and a wrong one is shown where it was typed', async (t) => {
  await tell('POST /api/tenants', { id: 'acme', name: 'Acme', hostnames: ['acme.localhost'] })
  const page = await stage.open(t, { expected: /400|409/ })
  await page.getByRole('button', { name: 'New tenant' }).click()
  const form = page.getByRole('dialog', { name: 'New tenant' })
  const hostnames = form.getByLabel('Host names, one a line')
  const create = form.getByRole('button', { name: 'Create' })
  await form.getByLabel('Id').fill('globex')
  await form.getByLabel('Name', { exact: true }).fill('Globex')
  for (const [wrong, said] of [
    ['globex.localhost, other.localhost', /globex\.localhost, other\.localhost/],
    ['two words', /two words/],
    ['acme.localhost', /belongs to tenant "acme"/],
  ] as const) {
    await hostnames.fill(wrong)
    await create.click()
    await form.locator('small.bad').filter({ hasText: said }).waitFor()
    t.equal(await hostnames.getAttribute('aria-invalid'), 'true')
    t.ok(await hostnames.evaluate((element) => element === document.activeElement))
    t.equal(await form.getByRole('alert').count(), 0, 'once is enough')
  }
  await hostnames.fill('  globex.localhost \r\n\n\tother.localhost\n')
  await create.click()
  await row(page, 'globex').waitFor()
  t.same((await authority.findTenant('globex'))?.hostnames, ['globex.localhost', 'other.localhost'])
  t.equal((await authority.listRestarts({ limit: 1 })).restarts[0]?.by, 'page', 'nobody gave a name')

  await page.getByRole('button', { name: 'New tenant' }).click()
  await form.getByLabel('Id').fill('globex')
  await form.getByLabel('Name', { exact: true }).fill('Globex')
  await create.click()
  await form.getByLabel('Id').and(form.locator('[aria-invalid=true]')).waitFor()
})

t.test('a host name is removed only when that is confirmed', async (t) => {
  const page = await stage.open(t)
  const panel = await openTenant(page, 'globex')
  const question = page.getByRole('dialog', { name: 'Remove the host name?' })
  await panel.getByRole('button', { name: 'Remove other.localhost' }).click()
  await question.getByText('answers 404 from the next request on').waitFor()
  t.equal(await question.getByText('It is the last one').count(), 0)
  await question.getByRole('button', { name: 'Cancel' }).click()
  t.same((await authority.findTenant('globex'))?.hostnames, ['globex.localhost', 'other.localhost'])
  await panel.getByRole('button', { name: 'Remove other.localhost' }).click()
  await question.getByRole('button', { name: 'Remove it' }).click()
  await panel.getByRole('button', { name: 'Remove other.localhost' }).waitFor({ state: 'detached' })

  await panel.getByRole('button', { name: 'Remove globex.localhost' }).click()
  await question.getByText('It is the last one of Globex').waitFor()
  await page.keyboard.press('Escape')
  await question.waitFor({ state: 'detached' })
  t.same((await authority.findTenant('globex'))?.hostnames, ['globex.localhost'])
  await panel.locator('.feed').getByText('host names changed').waitFor()
  await panel.locator('.feed').getByText('created').waitFor()
})

t.test('a restart of more than one is asked for once more; then the selection is done with', async (t) => {
  for (const id of ['initech', 'umbrella']) await tell('POST /api/tenants', { id, name: id })
  const page = await stage.open(t)
  for (const id of ['acme', 'initech', 'umbrella']) await row(page, id).getByRole('checkbox').click()
  await page.getByText('3 selected').waitFor()
  await page.getByRole('searchbox').fill('acme')
  await page.getByText('3 selected, 2 not shown').waitFor()
  t.ok(await isWhole(page.locator('.selection')))
  const before = (await authority.listRestarts({ limit: 1 })).restarts[0]?.id

  await page.getByRole('button', { name: 'Restart 3…' }).click()
  const question = page.getByRole('dialog', { name: 'Restart 3 tenants?' })
  await question.getByText('2 of them are not shown now').waitFor()
  await keepScreenshot(page, 'restart-many')
  await question.getByRole('button', { name: 'Cancel' }).click()
  t.equal((await authority.listRestarts({ limit: 1 })).restarts[0]?.id, before, 'nothing was restarted')
  await page.getByText('3 selected, 2 not shown').waitFor()

  await page.getByRole('button', { name: 'Restart 3…' }).click()
  await question.getByLabel('Reason').fill('together')
  await question.getByRole('button', { name: 'Restart 3' }).click()
  await page.getByText('Restart of 3 tenants is under way').waitFor()
  await page.getByText('3 selected').waitFor({ state: 'detached' })
  const { restarts } = await authority.listRestarts({ limit: 3 })
  t.same(
    restarts.map(({ reason }) => reason),
    ['together', 'together', 'together'],
  )

  // One is restarted at once.
  await page.getByRole('searchbox').fill('')
  await row(page, 'initech').getByRole('checkbox').click()
  await page.getByRole('button', { name: 'Restart', exact: true }).click()
  await page.getByText('Restart of initech is under way').waitFor()
  await page.getByText('1 selected').waitFor({ state: 'detached' })
  await page.getByRole('complementary').getByText('initech restarted').first().waitFor()
})

t.test('a click on a cell that has just changed is not lost', async (t) => {
  const changed = { state: 'current', stamp: 'another', at: AT } as const
  const page = await openBoard(
    t,
    {
      tenants: [tenant('acme')],
      replicas: ['r-1'],
      cells: { 'r-1': { acme: cell('current') } },
      next: { cells: { 'r-1': { set: { acme: changed }, gone: [] } } },
    },
    // The manager knows no such tenant.
    { expected: /404/ },
  )
  // By then it is fresh no more, and whatever draws it anew draws it otherwise: the press, which moves the focus. A
  // browser tells no click where what was pressed is gone when it is let go.
  await page.waitForTimeout(1000)
  await row(page, 'acme').locator('.mark').hover()
  await page.mouse.down()
  await row(page, 'acme').locator('.mark.fresh').waitFor({ state: 'detached' })
  await page.mouse.up()
  await page.locator('dialog.panel').waitFor()
})

t.test('a click into a row opens the tenant; a link and the checkbox do what they always do', async (t) => {
  const page = await stage.open(t)
  await stage.visit('acme.localhost')
  await everyCell(page, 'acme', 'current')
  const panel = page.getByRole('dialog', { name: 'Acme' })
  for (const place of ['.id', '.converged', '.cell .mark']) {
    await row(page, 'acme').locator(place).first().click()
    await panel.getByRole('heading', { name: 'History' }).waitFor()
    await page.keyboard.press('Escape')
    await panel.waitFor({ state: 'detached' })
  }
  t.equal(await focused(page), 'acme 3', 'the focus is back where it was')
  t.equal(await row(page, 'acme').locator('.cell').first().evaluate(cursorOf), 'pointer')
  const [site] = await Promise.all([
    page.waitForEvent('popup'),
    row(page, 'acme').getByRole('link', { name: 'acme.localhost' }).click(),
  ])
  await site.close()
  await row(page, 'acme').getByRole('checkbox').click()
  const { x = 0, y = 0, width = 0 } = (await row(page, 'acme').locator('.id').boundingBox()) ?? {}
  await page.mouse.move(x + 1, y + 4)
  await page.mouse.down()
  await page.mouse.move(x + width - 1, y + 4, { steps: 3 })
  await page.mouse.up()
  t.equal(await page.evaluate(() => getSelection()?.toString()), 'acme')
  t.equal(await panel.count(), 0, 'whoever marks a text wants to copy it')
})

t.test('all replicas are seen wherever there is room for them', async (t) => {
  const name = 'A tenant whose name is much longer than any column of a grid will ever be wide'
  for (const [width, count] of [
    [1280, 5],
    [820, 4],
    [1280, 9],
    [1024, 8],
    [1280, 20],
    [360, 3],
  ] as const) {
    const replicas = Array.from({ length: count }, (_, at) => `app-server-7f9c4-${at + 10}`)
    const cells = Object.fromEntries(replicas.map((replica) => [replica, { long: cell('current') }]))
    const options = { viewport: { width, height: 700 } }
    const page = await openBoard(t, { tenants: [tenant('long', { name })], replicas, cells }, options)
    const size = await page
      .locator('.scroller')
      .evaluate(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])
    t.equal(size[0], size[1], `${count} replicas, ${width} px: ${size}`)
    const heads = await page.locator('.replica-name').allTextContents()
    t.same(heads.slice(0, 2), ['…10', '…11'])
    await page.getByRole('columnheader', { name: 'app-server-7f9c4-10: holds 4, 0 failed' }).waitFor()
    await keepScreenshot(page, `width-${width}-${count}`)
  }
})

t.test('under a finger, a tap opens the tenant, and nothing speaks of keys', async (t) => {
  const board = {
    tenants: [tenant('acme'), tenant('waiting', { written: false })],
    replicas: ['replica-1', 'replica-2', 'replica-3'],
    cells: { 'replica-1': { acme: cell('failed', 'it says why') } },
  }
  const touch = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }
  const page = await openBoard(t, board, { ...touch, expected: /404/ })
  t.notOk(await page.locator('.search .key').isVisible())
  t.notOk(await page.getByRole('button', { name: 'Keys' }).isVisible())
  for (const id of ['acme', 'waiting']) {
    const right = await row(page, id).locator('.converged > span').evaluateAll(rightmost)
    const dot = await row(page, id).locator('.mark').first().boundingBox()
    t.ok(right + 4 <= (dot?.x ?? 0), `${id}: the words end at ${right}, the first mark begins at ${dot?.x}`)
  }
  await keepScreenshot(page, 'phone-counts')
  await row(page, 'acme').locator('.cell').first().tap()
  const panel = page.getByRole('dialog', { name: 'acme' })
  await panel.waitFor()
  await panel.getByRole('button', { name: 'Close' }).tap()
  await panel.waitFor({ state: 'detached' })
  t.notOk(await page.locator('p.readout').isVisible())
  t.ok(await page.getByRole('list', { name: 'What the marks mean' }).isVisible())
})

t.test('a manager without a schema says that nothing is checked', async (t) => {
  const { port, tell } = await serve(t, postgres)
  await tell('POST /api/tenants', { id: 'acme', name: 'Acme' })
  const page = await openPage(t, browser, { url: `http://127.0.0.1:${port}/` })
  const panel = await openTenant(page, 'acme')
  await panel.getByText('Not checked: this manager was given no schema.').waitFor()
  const checked = await openTenant(await stage.open(t), 'acme')
  await checked.getByText('What may be in it').waitFor()
  t.equal(await checked.getByText('Not checked').count(), 0)
})

interface SmallBoard {
  readonly tenants: readonly BoardTenant[]
  readonly replicas: readonly string[]
  readonly cells: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  /** What each replica counts itself. */
  readonly countedFailed?: number
  readonly siteUrl?: string
  /** What changes right after. */
  readonly next?: BoardChange
}

/** Opens the page on a board that is made up: what no replica would do in good time. */
async function openBoard(
  t: Test,
  { tenants, replicas, cells, countedFailed = 0, siteUrl, next = {} }: SmallBoard,
  options: OpenOptions = {},
): Promise<Page> {
  const change: BoardChange = {
    reset: true,
    total: tenants.length,
    tenants: { set: [...tenants], gone: [] },
    replicas: {
      set: replicas.map((replica) => ({ replica, startedAt: AT, tenants: 4, failed: countedFailed })),
      gone: [],
    },
    cells: Object.fromEntries(
      Object.entries(cells).map(([replica, set]) => [replica, { set: { ...set }, gone: [] }]),
    ),
    ...(siteUrl !== undefined && { siteUrl }),
  }
  const page = await openPage(t, browser, { ...options, url: 'about:blank' })
  const body = [change, next].map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
  // Once: what is told again would be a change again. Later streams wait for their first word.
  await page.route('**/api/events', () => {})
  await page.route('**/api/events', (route) => route.fulfill({ contentType: 'text/event-stream', body }), {
    times: 1,
  })
  await page.goto(`http://127.0.0.1:${stage.manager.port}/`)
  await row(page, tenants[0]?.id as string).waitFor()
  return page
}

function tenant(id: string, more: Partial<BoardTenant> = {}): BoardTenant {
  const hostnames = ['a.shop.example', 'b.example', 'c.example']
  return { id, name: id, hostnames, version: 1, restart: '1', written: true, ...more }
}

function cell(state: Cell['state'], reason?: string): Cell {
  return { state, stamp: 'stamp', at: AT, ...(reason !== undefined && { reason }) }
}

function isWhole(locator: Locator): Promise<boolean> {
  return locator.evaluate(
    ({ scrollWidth, clientWidth, scrollHeight, clientHeight }) =>
      scrollWidth <= clientWidth && scrollHeight <= clientHeight,
  )
}

/** Where the words of these end, on the right. */
function rightmost(elements: readonly Element[]): number {
  const rights = elements.map((element) => {
    const range = document.createRange()
    range.selectNodeContents(element)
    return range.getBoundingClientRect().right
  })
  return Math.max(...rights)
}

function cursorOf(element: Element): string {
  return getComputedStyle(element).cursor
}
