import { Work } from '@tenantry/adapter-suite'
import type { Test } from 'tap'
import { type Served, type ServeOptions, serve } from './serve.ts'
import { routeWays } from './ways.ts'

/** An app with a route for every way in which a response can end. */
export async function serveWays(t: Test, options: ServeOptions = {}): Promise<Served & { work: Work }> {
  const work = new Work()
  const served = await serve(t, {
    ...options,
    routes: (app) => {
      options.routes?.(app)
      routeWays(app, work)
    },
  })
  return { ...served, work }
}
