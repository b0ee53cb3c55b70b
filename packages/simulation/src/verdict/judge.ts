import type { World } from '../world.ts'
import { judgeBoundedness } from './bounded.ts'
import { judgeContainment } from './contained.ts'
import { judgeFreshness } from './fresh.ts'
import type { Judged } from './judged.ts'
import { judgeSeparation } from './separate.ts'
import { judgeUnchecked } from './unchecked.ts'

/** Judges all that was answered, when it is over. */
export function judge(world: World): void {
  for (const replica of world.replicas) {
    for (const request of replica.requests) {
      if (request.outcome === undefined || request.answered === undefined) continue
      const judged: Judged = {
        world,
        replica,
        request,
        outcome: request.outcome,
        answered: request.answered,
        answeredAt: request.answeredAt as number,
      }
      judgeSeparation(judged)
      judgeFreshness(judged)
      judgeUnchecked(judged)
      judgeContainment(judged)
    }
    judgeBoundedness(world, replica)
  }
}
