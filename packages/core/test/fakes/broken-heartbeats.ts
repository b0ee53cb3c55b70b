import type { Beat, ReplicaReport, TenantReport } from '../../src/heartbeat-store.ts'
import { MemoryHeartbeats } from '../../src/memory-heartbeats.ts'

/** Takes in beats that are not whole where it knows nothing. */
export class CredulousHeartbeats extends MemoryHeartbeats {
  override async beat(beat: Beat): Promise<boolean> {
    return (await super.beat(beat)) || super.beat({ ...beat, whole: true })
  }
}

/** Takes every beat for a change. */
export class HoardingHeartbeats extends MemoryHeartbeats {
  override async beat(beat: Beat): Promise<boolean> {
    return (await super.beat({ ...beat, whole: false })) || super.beat(beat)
  }
}

/** Takes every beat for all there is. */
export class ForgetfulHeartbeats extends MemoryHeartbeats {
  override async beat(beat: Beat): Promise<boolean> {
    const known = await super.beat({ ...beat, reports: new Map(), gone: [] })
    return known && super.beat({ ...beat, whole: true })
  }
}

/** Writes down times to the second. */
export class CoarseHeartbeats extends MemoryHeartbeats {
  override async read(): Promise<readonly ReplicaReport[]> {
    return (await super.read()).map((report) => ({
      ...report,
      startedAt: new Date(Math.floor(report.startedAt.getTime() / 1000) * 1000),
    }))
  }
}

/** Never takes anybody back. */
export class ClingingHeartbeats extends MemoryHeartbeats {
  override async leave(): Promise<void> {}
}

/** Lists the newest first. */
export class UnsortedHeartbeats extends MemoryHeartbeats {
  override async read(): Promise<readonly ReplicaReport[]> {
    return [...(await super.read())].reverse()
  }
}

/** Hands out its own books. */
export class LeakingHeartbeats extends MemoryHeartbeats {
  readonly #books = new Map<string, Map<string, TenantReport>>()

  override async read(): Promise<readonly ReplicaReport[]> {
    return (await super.read()).map((report) => {
      const book = this.#books.get(report.replica) ?? new Map()
      book.clear()
      for (const [id, tenant] of report.tenants) book.set(id, tenant)
      this.#books.set(report.replica, book)
      return { ...report, tenants: book }
    })
  }
}

/** Takes a beat in bit by bit. */
export class TearingHeartbeats extends MemoryHeartbeats {
  override async beat(beat: Beat): Promise<boolean> {
    if (beat.whole) return super.beat(beat)
    const bits = [...beat.reports].map(([id, report]) => ({
      ...beat,
      reports: new Map([[id, report]]),
      gone: [],
    }))
    for (const bit of bits) await super.beat(bit)
    return super.beat(beat)
  }
}
