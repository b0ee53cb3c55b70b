import { lookup } from 'node:dns/promises'
import type { GivenUrls } from './options.ts'
import type { Scene } from './scene.ts'

export interface GivenSceneOptions extends GivenUrls {
  /** The manager's. */
  readonly apiKey: string | undefined
}

/** What is to be measured is not there; the message says what is missing. */
export class SceneError extends Error {
  override readonly name = 'SceneError'
}

/** How long each part may take to answer that it is there. */
const TIMEOUT_MS = 5000

/**
 * What others have started, such as the containers of docker-compose.yml. It is measured as it is: nothing is added,
 * killed or kept away from here.
 *
 * @throws SceneError
 */
export async function openGivenScene(options: GivenSceneOptions): Promise<Scene> {
  const { frontUrl, managerUrl, adminUrl, redisUrl, apiKey } = options
  await requireAnswer('--front', frontUrl)
  await requireAnswer('--manager', managerUrl)
  const targets = [{ origin: frontUrl.origin, replica: undefined }]
  return {
    description: `what answers at ${frontUrl.origin}`,
    manager: { url: managerUrl.origin, apiKey },
    redisUrl,
    targets: () => targets,
    adminUrls: async () => (adminUrl === undefined ? [] : addressesOf(adminUrl)),
    control: undefined,
    close: async () => {},
  }
}

async function requireAnswer(option: string, url: URL): Promise<void> {
  try {
    await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    const { cause, message } = error as Error
    const why = cause instanceof Error ? cause.message : message
    throw new SceneError(`${option}: nothing answers at ${url.origin}: ${why}`, { cause: error })
  }
}

/** Asked anew each time: replicas come and go. None while the name has no address. */
async function addressesOf(url: URL): Promise<readonly string[]> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = await lookup(hostname, { all: true }).catch(() => [])
  return addresses.map(({ address, family }) => {
    const each = new URL(url)
    each.hostname = family === 6 ? `[${address}]` : address
    return each.origin
  })
}
