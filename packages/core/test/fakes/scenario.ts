import t, { type Test } from 'tap'
import { Replica, type ReplicaOptions } from './replica.ts'

/**
 * A subtest on one replica. Whatever has happened in it, in the end every request has its answer, every tenant that
 * was made has been disposed of just once (G3), and nothing is left.
 */
export function scenario(
  name: string,
  options: ReplicaOptions,
  run: (t: Test, replica: Replica) => Promise<void>,
): void {
  t.test(name, async (t) => {
    const replica = new Replica(options)
    await run(t, replica)
    await mustEndWell(t, replica)
  })
}

export async function mustEndWell(t: Test, replica: Replica): Promise<void> {
  await replica.end()
  t.same(
    replica.requests.filter(({ outcome }) => outcome === 'waits'),
    [],
    'no request is left waiting',
  )
  t.same(
    replica.made.filter(({ disposals }) => disposals !== 1),
    [],
    'every tenant is disposed of once',
  )
  const { store, ...held } = replica.pool.stats()
  t.match(Object.values(held), new Array(Object.keys(held).length).fill(0), 'nothing is held')
}
