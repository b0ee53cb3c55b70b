import { mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { AuthorityTenants, sampleServer, serverOptions } from '@tenantry/sample-server'
import { type Answer, ask, type PostgresServer, startBrowser } from '@tenantry/testing'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'
import type { TenantManagerOptions } from '../../src/app.ts'
import { type Manager, serve } from '../support/manager.ts'

const OUTPUT = fileURLToPath(new URL('../../test-output/', import.meta.url))

export interface OpenOptions extends BrowserContextOptions {
  /** Messages on the console that the test provokes: of requests that are refused. */
  readonly expected?: RegExp
}

/** A manager, replicas of the sample server, and a browser to look at them. */
export interface Stage {
  readonly manager: Manager
  readonly replicas: ReadonlyMap<string, FastifyInstance>
  /** Opens the page in a browser context of its own. */
  open(t: Test, options?: OpenOptions): Promise<Page>
  /** Asks every replica for a tenant's page, so that each has it as of now. */
  visit(hostname: string): Promise<readonly Answer[]>
}

export async function browserFor(t: Test): Promise<Browser> {
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  return browser
}

/** Starts a manager and, in this process too, three replicas. */
export async function startStage(
  t: Test,
  {
    browser,
    postgres,
    ...options
  }: { browser: Browser; postgres: PostgresServer } & Partial<TenantManagerOptions>,
): Promise<Stage> {
  const replicas = new Map<string, FastifyInstance>()
  const manager = await serve(t, postgres, {
    ...options,
    demo: {
      state: () => ({
        replicas: [...replicas].map(([name, app]) => ({ name, port: portOf(app) })),
        traffic: false,
        served: 0,
        failed: 0,
      }),
      addReplica,
      removeReplica,
      setTraffic: () => {},
    },
  })
  for (let count = 0; count < 3; count++) await addReplica()
  t.teardown(() => Promise.all([...replicas.values()].map((app) => app.close())))

  return {
    manager,
    replicas,
    open: (t, options) => openPage(t, browser, { url: `http://127.0.0.1:${manager.port}/`, ...options }),
    visit: (hostname) =>
      Promise.all(
        [...replicas.values()].map((app) => ask(portOf(app), '/', { headers: { host: hostname } })),
      ),
  }

  async function addReplica(): Promise<string> {
    const replica = `replica-${replicas.size + 1}`
    const app = Fastify({ ...serverOptions, logger: false })
    const { authority, tokens, heartbeats } = manager
    await app.register(sampleServer, {
      tokens,
      heartbeats,
      tenants: new AuthorityTenants(authority),
      replica,
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    replicas.set(replica, app)
    return replica
  }

  async function removeReplica(name: string): Promise<void> {
    const app = replicas.get(name)
    replicas.delete(name)
    await app?.close()
  }
}

/** Opens an address, and fails the test over whatever is said on the console that nobody expected. */
export async function openPage(
  t: Test,
  browser: Browser,
  { url, expected, ...options }: OpenOptions & { url: string },
): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    ...options,
  })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const said: string[] = []
  page.on('pageerror', (error) => said.push(String(error.stack)))
  page.on('console', (message) => {
    const isExpected = message.type() === 'error' && expected?.test(message.text())
    if (['error', 'warning'].includes(message.type()) && !isExpected) said.push(message.text())
  })
  t.teardown(async () => {
    await context.close()
    if (said.length > 0) throw new Error(`Expected nothing on the console, got: ${said.join('\n')}`)
  })
  await page.goto(url)
  return page
}

/** Keeps what the page looks like, for people. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true })
  await page.screenshot({ path: `${OUTPUT}${name}.png` })
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port
}
