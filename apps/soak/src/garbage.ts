import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Collects all garbage. With turns in between: weak references and finalizers let go of things one collection later. */
export async function collectGarbage(): Promise<void> {
  for (let collections = 0; collections < 3; collections += 1) {
    await turn()
    gc()
  }
  await turn()
}

/** The bytes of the heap that are in use when all garbage is gone. */
export async function heapInUse(): Promise<number> {
  await collectGarbage()
  return process.memoryUsage().heapUsed
}
