/// <reference lib="dom" />
import { CONFIG_SCHEMA } from '@tenantry/sample-server'
import { eventually, startTcpProxy } from '@tenantry/testing'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { BoardChange } from '../src/api.ts'
import { everyCell, focused, looks, openTenant, row, states } from './page-support/grid.ts'
import { browserFor, keepScreenshot, openPage, type Stage, startStage } from './page-support/stage.ts'
import { postgresFor, serve } from './support/manager.ts'

const PHONE = { width: 360, height: 740 }

const postgres = await postgresFor(t)
const browser = await browserFor(t)
const stage = await startStage(t, { browser, postgres, configSchema: CONFIG_SCHEMA })
const { authority, tell } = stage.manager

t.test('a tenant is created, its site opens, and a restart is seen in every cell of its row', async (t) => {
  const page = await stage.open(t)
  await page.getByRole('heading', { name: 'No tenants yet' }).waitFor()
  await keepScreenshot(page, 'empty')
  await page.getByRole('button', { name: 'Create the first tenant' }).click()
  const form = page.getByRole('dialog', { name: 'New tenant' })
  await form.getByLabel('Id').fill('acme')
  await form.getByLabel('Name', { exact: true }).fill('Acme')
  await form.getByLabel('Host names, one a line').fill('acme.localhost\nshop.acme.localhost')
  await form.getByLabel('Configuration').fill('{"tagline": "First"}')
  await form.getByRole('button', { name: 'Create' }).click()
  await row(page, 'acme').waitFor()
  t.same(await states(page, 'acme'), ['not loaded', 'not loaded', 'not loaded'])

  const [site] = await Promise.all([
    page.waitForEvent('popup'),
    row(page, 'acme').getByRole('link', { name: 'acme.localhost +1' }).click(),
  ])
  await site.getByRole('heading', { name: 'First' }).waitFor()
  await site.close()
  await stage.visit('acme.localhost')
  await everyCell(page, 'acme', 'current')

  const before = await looks(page, 'acme')
  t.equal(new Set(before).size, 1, 'one generation has one colour')
  await row(page, 'acme').locator('.name').click()
  const panel = page.getByRole('dialog')
  await panel.getByLabel('Reason').fill('to see it land')
  await panel.getByRole('button', { name: 'Restart', exact: true }).click()
  await everyCell(page, 'acme', 'behind')
  await keepScreenshot(page, 'behind')
  t.same(await looks(page, 'acme'), before, 'until it is built anew, a cell keeps its colour')
  await stage.visit('acme.localhost')
  await everyCell(page, 'acme', 'current')
  const after = await looks(page, 'acme')
  t.equal(new Set(after).size, 1)
  t.not(after[0], before[0])
  await panel.getByText('to see it land').first().waitFor()
})

t.test(
  'a configuration is checked as it is typed, and the next request is served by what was saved',
  async (t) => {
    const page = await stage.open(t)
    const panel = await openTenant(page, 'acme')
    const config = panel.getByLabel('Configuration')
    const save = panel.getByRole('button', { name: 'Save and restart' })
    t.ok(await save.isDisabled(), 'there is nothing to save')

    await config.fill('{\n  "tagline": "Second",\n}')
    await panel.getByText('Line 3, column 1').waitFor()
    t.ok(await save.isDisabled())
    await config.fill('{\n  "tagline": "Second",\n  "theme": {\n    "accent": "blue"\n  }\n}')
    await panel.getByText('Line 4, column 5').waitFor()
    await panel.getByText('expected “The colour of the page, as #rrggbb”, got "blue"').waitFor()
    t.ok(await save.isDisabled())
    await keepScreenshot(page, 'problem')
    await panel.getByText('Line 4, column 5').click()
    t.equal(await page.evaluate(() => getSelection()?.toString()), '"accent": "blue"', 'it takes you there')
    await panel.getByText('What may be in it').click()
    await panel.locator('.help code', { hasText: 'theme' }).waitFor()

    await config.fill('{"tagline": "Second"}')
    await save.click()
    await page.getByText('acme is saved as version 2').first().waitFor()
    for (const { body } of await stage.visit('acme.localhost')) t.match(body, /Second/)
    t.ok(await save.isDisabled())
  },
)

t.test('why a build failed is said in the cell and in the panel', async (t) => {
  const page = await stage.open(t)
  await row(page, 'acme').waitFor()
  // Not through the API, which would not take it.
  const version = (await authority.findTenant('acme'))?.version as number
  await authority.changeTenant('acme', { version, config: { theme: { accent: 'blue' } } }, { by: 'somebody' })
  await eventually(async () => {
    const answers = await stage.visit('acme.localhost')
    return answers.every(({ status }) => status === 503)
  })
  await everyCell(page, 'acme', 'failed')
  await row(page, 'acme').getByText('3 failed').waitFor()
  await row(page, 'acme').locator('.cell').nth(1).hover()
  await page.locator('.readout', { hasText: /Acme on replica-2: failed .*theme.accent.*blue/ }).waitFor()
  await keepScreenshot(page, 'failed')

  await tell('POST /api/tenants', { id: 'calm', name: 'Calm' })
  await row(page, 'calm').waitFor()
  await page.getByRole('button', { name: '3 failed' }).click()
  await row(page, 'calm').waitFor({ state: 'detached' })
  t.ok(await row(page, 'acme').isVisible(), 'only those in trouble are shown')

  const panel = await openTenant(page, 'acme')
  await panel
    .getByText(/failed .*theme.accent/)
    .first()
    .waitFor()
  await panel.getByLabel('Configuration').fill('{"tagline": "Third"}')
  await panel.getByRole('button', { name: 'Save and restart' }).click()
  await page
    .getByText(`acme is saved as version ${version + 2}`)
    .first()
    .waitFor()
  await stage.visit('acme.localhost')
  await panel.getByRole('button', { name: 'Close' }).click()
  await page.getByText('No tenant that a replica has failed with').waitFor()
  await page.getByRole('button', { name: 'Show all' }).click()
  await everyCell(page, 'acme', 'current')
  await tell('DELETE /api/tenants/calm')
  await row(page, 'calm').waitFor({ state: 'detached' })
})

t.test('of two who edit one tenant, the second loses nothing', async (t) => {
  const page = await stage.open(t, { expected: /409|Failed to load resource/ })
  await row(page, 'acme').waitFor()
  let overtaken = false
  await page.route('**/api/tenants/acme', async (route) => {
    if (route.request().method() !== 'PATCH') return route.fallback()
    // Somebody else saves just before.
    if (!overtaken) {
      overtaken = true
      await patch(stage, 'acme', { config: { tagline: 'Theirs' } })
    }
    return route.fallback()
  })
  const panel = await openTenant(page, 'acme')
  const config = panel.getByLabel('Configuration')
  await config.fill('{"tagline": "Mine"}')
  await panel.getByRole('button', { name: 'Save and restart' }).click()
  const conflict = panel.getByRole('alert').filter({ hasText: 'Somebody else has saved' })
  await conflict.waitFor()
  await conflict.getByText('"Theirs"').waitFor()
  t.equal(await config.inputValue(), '{"tagline": "Mine"}')
  await keepScreenshot(page, 'conflict')

  await conflict.getByRole('button', { name: 'Take theirs' }).click()
  t.match(await config.inputValue(), /Theirs/)
  await panel.getByRole('button', { name: 'Put back what I typed' }).click()
  t.equal(await config.inputValue(), '{"tagline": "Mine"}')

  // The other way to learn of it: the live stream.
  await patch(stage, 'acme', { config: { tagline: 'Theirs again' } })
  await conflict.waitFor()
  await panel.getByRole('button', { name: 'Close' }).click()
  await row(page, 'acme').getByText('unsaved').waitFor()
  await row(page, 'acme').locator('.name').click()
  t.equal(await config.inputValue(), '{"tagline": "Mine"}', 'closing the panel loses nothing')
  await conflict.getByRole('button', { name: 'Keep mine' }).click()
  await panel.getByRole('button', { name: 'Save and restart' }).click()
  await page
    .getByText(/acme is saved as version/)
    .first()
    .waitFor()
  t.same((await authority.findTenant('acme'))?.config, { tagline: 'Mine' })
})

t.test('a host name that is somebody else’s is moved only when that is confirmed', async (t) => {
  await tell('POST /api/tenants', {
    id: 'globex',
    name: 'Globex',
    hostnames: ['globex.localhost'],
    config: {},
  })
  const page = await stage.open(t, { expected: /409|400/ })
  const panel = await openTenant(page, 'acme')
  await panel.getByLabel('Another host name').fill('globex.localhost')
  await panel.getByRole('button', { name: 'Add', exact: true }).click()
  const question = page.getByRole('dialog', { name: 'Move the host name?' })
  await question.getByText('globex', { exact: true }).waitFor()
  await question.getByRole('button', { name: 'Cancel' }).click()
  t.same((await authority.findTenant('globex'))?.hostnames, ['globex.localhost'])
  await panel.getByRole('button', { name: 'Add', exact: true }).click()
  await question.getByRole('button', { name: 'Move it' }).click()
  await panel.getByRole('button', { name: 'Remove globex.localhost' }).waitFor()
  t.same((await authority.findTenant('globex'))?.hostnames, [])

  await panel.getByRole('button', { name: 'Remove globex.localhost' }).click()
  await page.getByRole('dialog', { name: 'Remove the host name?' }).getByText('Remove it').click()
  await panel.getByRole('button', { name: 'Remove globex.localhost' }).waitFor({ state: 'detached' })
  await panel.getByLabel('Another host name').fill('<b>no</b> host')
  await panel.getByRole('button', { name: 'Add', exact: true }).click()
  await panel.getByRole('alert').filter({ hasText: '<b>no</b> host' }).waitFor()
})

t.test('by keyboard alone', async (t) => {
  const page = await stage.open(t)
  await row(page, 'globex').waitFor()
  const press = (keys: string) =>
    keys.split(' ').reduce((last, key) => last.then(() => page.keyboard.press(key)), Promise.resolve())

  await press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await press('Escape')
  await press('n')
  await page.getByRole('dialog', { name: 'New tenant' }).waitFor()
  await page.keyboard.type('initech')
  await press('Tab')
  await page.keyboard.type('Initech')
  await press('Enter')
  await row(page, 'initech').waitFor()
  await page.getByRole('dialog').waitFor({ state: 'detached' })

  await press('/')
  await page.keyboard.type('ini')
  await row(page, 'acme').waitFor({ state: 'detached' })
  await press('Escape')
  await row(page, 'acme').waitFor()
  await press('ArrowDown')
  t.equal(await focused(page), 'initech 1', 'the tenant that was made last')
  await press('Control+Home')
  t.equal(await focused(page), 'acme 1')
  await press('ArrowDown End ArrowUp')
  t.equal(await focused(page), 'acme 5')
  await press('ArrowRight ArrowDown Home ArrowRight')
  t.equal(await focused(page), 'globex 1')
  await press('Space ArrowDown Shift+Space')
  t.equal(await page.getByRole('row', { selected: true }).count(), 2)
  await press('r')
  await page.getByRole('dialog', { name: 'Restart 2 tenants?' }).waitFor()
  await page.keyboard.type('by hand')
  await press('Enter')
  await page.getByText('Restart of 2 tenants is under way').waitFor()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  t.equal(await page.getByRole('row', { selected: true }).count(), 0, 'the selection is done with')
  t.equal(await focused(page), 'initech 1')
  await press('PageUp Enter')
  await page.getByRole('dialog', { name: 'Acme' }).waitFor()
  await page.getByRole('dialog').getByRole('heading', { name: 'Delete' }).waitFor()
  t.equal(
    await page.evaluate(() => document.activeElement?.textContent),
    'Acme acme',
    'reading begins at the heading',
  )
  await press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  t.equal(await focused(page), 'acme 1', 'the focus is back where it was')
  await press('Shift+?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  t.equal(await focused(page), 'acme 1', 'the focus is back where it was')
})

t.test('a restart of all is asked for once more, and reaches every row', async (t) => {
  await tell('POST /api/tenants/globex/hostnames', { hostname: 'globex.localhost' })
  const page = await stage.open(t)
  for (const name of ['acme', 'globex']) await stage.visit(`${name}.localhost`)
  for (const id of ['acme', 'globex']) await everyCell(page, id, 'current')
  await page.getByRole('button', { name: 'Who are you?' }).click()
  await page.getByLabel('Your name').fill('Zoë')
  await page.getByRole('button', { name: 'Keep' }).click()
  await page.getByRole('button', { name: 'Restart all…' }).click()
  const question = page.getByRole('dialog', { name: 'Restart all tenants?' })
  await question.getByLabel('Reason').fill('a new release')
  await question.getByRole('button', { name: 'Restart all' }).click()
  for (const id of ['acme', 'globex']) await everyCell(page, id, 'behind')
  for (const name of ['acme', 'globex']) await stage.visit(`${name}.localhost`)
  for (const id of ['acme', 'globex']) await everyCell(page, id, 'current')
  const feed = page.getByRole('complementary').locator('.feed li').first()
  t.match(await feed.textContent(), /All tenants.*by Zoë.*a new release.*written/s)
  await page.getByText('Live', { exact: true }).waitFor()
})

t.test('replicas come and go', async (t) => {
  const page = await stage.open(t)
  const side = page.getByRole('complementary')
  await side.getByRole('button', { name: 'Add replica' }).click()
  await page.getByRole('columnheader', { name: 'replica-4' }).waitFor()
  await side.getByRole('button', { name: 'Remove replica-4' }).click()
  await page.getByRole('columnheader', { name: 'replica-4' }).waitFor({ state: 'detached' })
})

t.test('nothing that people write is taken for markup', async (t) => {
  const evil = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
  await tell('POST /api/tenants', {
    id: 'evil<b>',
    name: evil,
    hostnames: ['evil.localhost'],
    config: { tagline: evil },
  })
  await tell(
    'POST /api/tenants/evil%3Cb%3E/restart',
    { reason: evil },
    { 'x-tenantry-operator': '<i>me</i>' },
  )
  const page = await stage.open(t)
  await stage.visit('evil.localhost')
  await everyCell(page, 'evil<b>', 'current')
  t.equal(await row(page, 'evil<b>').locator('.name bdi').textContent(), evil)
  const panel = await openTenant(page, 'evil<b>')
  await panel.getByText(evil).first().waitFor()
  await panel.locator('.feed').getByText('<i>me</i>').waitFor()
  t.match(await panel.getByLabel('Configuration').inputValue(), /<script>/)
  t.equal(await page.evaluate(() => Reflect.get(window, 'hacked')), undefined)
  t.equal(await page.locator('img, body script, .feed i').count(), 0)

  await panel.getByRole('button', { name: 'Delete this tenant…' }).click()
  const question = page.getByRole('dialog', { name: 'Delete this tenant?' })
  const remove = question.getByRole('button', { name: 'Delete', exact: true })
  await question.getByRole('textbox').fill('evil')
  t.ok(await remove.isDisabled())
  await question.getByRole('textbox').fill('evil<b>')
  await remove.click()
  await row(page, 'evil<b>').waitFor({ state: 'detached' })
})

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`axe finds nothing serious (${colorScheme})`, async (t) => {
    const page = await stage.open(t, { colorScheme })
    await everyCell(page, 'acme', 'current')
    await page.evaluate(axe.source)
    await row(page, 'acme').getByRole('checkbox').click()
    await nothingSerious(t, page)
    await keepScreenshot(page, `board-${colorScheme}`)
    const panel = await openTenant(page, 'acme')
    await panel.getByLabel('Configuration').fill('{"theme": {"accent": "blue"}}')
    await panel.getByText('Line 1, column 12').waitFor()
    await nothingSerious(t, page)
    await keepScreenshot(page, `panel-${colorScheme}`)
    await panel.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('button', { name: 'New tenant' }).click()
    await nothingSerious(t, page)
  })
}

t.test('on a phone, the page is as wide as the phone', async (t) => {
  const page = await stage.open(t, { viewport: PHONE, hasTouch: true, isMobile: true })
  await everyCell(page, 'acme', 'current')
  await keepScreenshot(page, 'phone')
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width)
  const panel = await openTenant(page, 'acme')
  await keepScreenshot(page, 'phone-panel')
  const box = await panel.boundingBox()
  t.same([box?.x, box?.width], [0, PHONE.width])
  t.equal(await panel.evaluate((element) => element.scrollWidth - element.clientWidth), 0)
})

t.test('of a thousand tenants, only those that can be seen are in the document', async (t) => {
  const { port } = stage.manager
  const page = await openPage(t, browser, { url: 'about:blank' })
  const body = `data: ${JSON.stringify(manyTenants(1000, 20))}\n\n`
  await page.route('**/api/events', (route) => route.fulfill({ contentType: 'text/event-stream', body }))
  await page.goto(`http://127.0.0.1:${port}/`)
  await row(page, 'tenant-1').waitFor()
  t.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), '1001')
  const rows = page.locator('tbody tr')
  t.ok((await rows.count()) < 40)
  await page.getByRole('searchbox').press('ArrowDown')
  await page.keyboard.press('End')
  await page.keyboard.press('Control+End')
  t.equal(await focused(page), 'tenant-1000 22')
  t.equal(await row(page, 'tenant-1000').getAttribute('aria-rowindex'), '1001')
  await page.locator('.scroller').evaluate((element) => {
    element.scrollTop = 20_000
  })
  await row(page, 'tenant-388').waitFor()
  t.equal(await focused(page), 'tenant-1000 22', 'the focus stays where it was, out of sight')
  t.ok((await rows.count()) < 40)
  await keepScreenshot(page, 'thousand')
})

t.test('a manager with a key is asked for it, and a lost one is found again', async (t) => {
  const manager = await serve(t, postgres, { apiKey: 'a-key-of-22-characters' })
  await manager.authority.createTenant(
    { id: 'acme', name: 'Acme', hostnames: [], config: {} },
    { by: 'test' },
  )
  const proxy = await startTcpProxy({ to: manager.port })
  t.teardown(() => proxy.close())
  const url = `http://127.0.0.1:${proxy.port}/`
  const page = await openPage(t, browser, { url, expected: /401|ERR_|Failed to load/ })
  const question = page.getByRole('dialog', { name: 'API key' })
  await question.getByText('This manager asks for a key').waitFor()
  await question.getByLabel('Key').fill('wrong')
  await question.getByRole('button', { name: 'Use it' }).click()
  await question.getByText('does not take this key').waitFor()
  await question.getByLabel('Key').fill('a-key-of-22-characters')
  await question.getByRole('button', { name: 'Use it' }).click()
  await row(page, 'acme').waitFor()
  await page.reload()
  await row(page, 'acme').waitFor()

  proxy.cut()
  await page.getByText('trying again in').waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  await manager.authority.deleteTenant('acme', { by: 'test' })
  await row(page, 'acme').waitFor({ state: 'detached' })

  proxy.close()
  await page.getByText('trying again in').waitFor()
  await page.getByRole('heading', { name: 'No tenants yet' }).waitFor()
})

async function nothingSerious(t: Test, page: Page): Promise<void> {
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
    return (await axe.run()).violations
  })
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  t.same(
    serious.map(({ id, nodes }) => ({ id, html: nodes.map(({ html }) => html) })),
    [],
  )
}

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly html: string }[]
}

async function patch({ manager }: Stage, id: string, change: object): Promise<void> {
  const version = (await manager.authority.findTenant(id))?.version
  await manager.tell(`PATCH /api/tenants/${id}`, { version, ...change })
}

function manyTenants(tenants: number, replicas: number): BoardChange {
  const at = '2026-01-01T00:00:00Z'
  const ids = Array.from({ length: tenants }, (_, index) => `tenant-${index + 1}`)
  const names = Array.from({ length: replicas }, (_, index) => `replica-${index + 1}`)
  const set = Object.fromEntries(ids.map((id) => [id, { state: 'current' as const, stamp: id, at }]))
  return {
    reset: true,
    total: tenants,
    tenants: {
      set: ids.map((id) => ({ id, name: id, hostnames: [], version: 1, restart: '1', written: true })),
      gone: [],
    },
    replicas: { set: names.map((replica) => ({ replica, startedAt: at, tenants, failed: 0 })), gone: [] },
    cells: Object.fromEntries(names.map((name) => [name, { set, gone: [] }])),
  }
}
