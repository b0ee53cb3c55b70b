import type { Beat, HeartbeatStore, ReplicaReport } from '../../src/heartbeat-store.ts'
import { HeldCalls } from './held-calls.ts'

/** A heartbeat store that answers when it is told to, and writes down what it is told. */
export class HeldHeartbeats implements HeartbeatStore {
  /** All beats, oldest first. */
  readonly beats: Beat[] = []
  /** Who has said goodbye. */
  readonly left: string[] = []
  readonly calls = new HeldCalls<Beat, boolean>(({ whole }) => whole || this.knows)
  /** Whether it knows the replica. */
  knows = true

  beat(beat: Beat): Promise<boolean> {
    this.beats.push(beat)
    return this.calls.call(beat)
  }

  async leave(replica: string): Promise<void> {
    this.left.push(replica)
  }

  async read(): Promise<readonly ReplicaReport[]> {
    return []
  }

  /** The beats since the last time, in short: `whole`, what is held under which tokens, what failed, what is gone. */
  told(): string[] {
    return this.beats
      .splice(0)
      .map(({ whole, reports, gone }) =>
        [
          ...(whole ? ['whole:'] : []),
          ...Array.from(reports, ([id, report]) =>
            report.state === 'held'
              ? `${id} (${report.token}, ${report.all})`
              : `${id} failed: ${report.reason}`,
          ),
          ...gone.map((id) => `no ${id}`),
        ].join(' '),
      )
  }
}
