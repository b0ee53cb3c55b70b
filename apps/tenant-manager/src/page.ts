import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'

/** Where `page/build.js` puts it; the same from `src` and from `dist`. */
const ROOT = fileURLToPath(new URL('../dist/page', import.meta.url))

/** The page. There is no data in it: whoever has no key may have it. */
export const page: FastifyPluginAsync = registerPage

async function registerPage(app: FastifyInstance): Promise<void> {
  await app.register(staticFiles, {
    root: ROOT,
    // A route for each file that is there, so that no path is looked up on disk.
    wildcard: false,
    schemaHide: true,
    cacheControl: false,
    setHeaders: (reply, path) => {
      reply.header(
        'cache-control',
        // All names but this one hold a digest of what is in the file.
        path.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable',
      )
    },
  })
  app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'ok' }))
}
