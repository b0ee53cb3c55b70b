/** Is the app in this container there? It asks on the port that the app was told to listen on; 0: it is. */
const { PORT = '3000' } = process.env

const { ok } = await fetch(`http://127.0.0.1:${PORT}/healthz`, { signal: AbortSignal.timeout(2000) })
process.exit(ok ? 0 : 1)
