import { freePort } from './free-port.ts'

/** How often to look for another port when somebody else was quicker. */
const ATTEMPTS = 5

/** Launches a server on a free port of 127.0.0.1; on another one when somebody else took it meanwhile. */
export async function onFreePort<Server>(
  launch: (port: number) => Promise<Server>,
  attempts: number = ATTEMPTS,
): Promise<[port: number, server: Server]> {
  const port = await freePort()
  try {
    return [port, await launch(port)]
  } catch (error) {
    if (attempts === 1 || !/Address already in use/i.test(String(error))) throw error
    return onFreePort(launch, attempts - 1)
  }
}
