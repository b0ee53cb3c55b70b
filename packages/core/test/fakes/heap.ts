import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** The bytes of the heap that are in use when all garbage is gone. */
export async function heapInUse(): Promise<number> {
  // Twice, with turns in between: finalizers and weak maps let go of things one collection later.
  for (let collections = 0; collections < 3; collections += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
  return process.memoryUsage().heapUsed
}
