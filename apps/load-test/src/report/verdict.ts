import { printable } from '@tenantry/app-support'
import { isBroken, type Results } from '../results.ts'
import { count, counted } from './units.ts'

export interface Verdict {
  /** Begins the report. */
  readonly word: 'Passed' | 'Passed, with failures' | 'Broken' | 'Proves nothing'
  readonly tone: 'good' | 'unsure' | 'bad'
  /** "0 stale, 0 failed, 0 torn, 0 wrong in 1,204,331 requests" */
  readonly counts: string
  readonly sentence: string
}

/** What a run has shown, the worst first. */
export function verdictOf(results: Results): Verdict {
  const verdict = verdictOfWhole(results)
  if (results.endedEarly === undefined) return verdict
  const [why = ''] = results.endedEarly.split('\n')
  return { ...verdict, sentence: `${verdict.sentence} It ended before its time: ${printable(why)}.` }
}

/** Whether it ended as it should have makes no difference here. */
function verdictOfWhole(results: Results): Verdict {
  const { requests, verdicts, failures, restarts } = results
  const counts =
    `${count(verdicts.stale)} stale, ${count(verdicts.failed)} failed, ${count(verdicts.torn)} torn, ` +
    `${count(verdicts.wrong)} wrong in ${counted(requests, 'request')}`
  if (isBroken(results)) {
    const sentence = 'Answers came that must never come. The findings tell which, and of which replica.'
    return { word: 'Broken', tone: 'bad', counts, sentence }
  }
  if (requests === verdicts.failed) {
    return { word: 'Proves nothing', tone: 'unsure', counts, sentence: 'No request was answered.' }
  }
  // Of one that is to be written later, nothing could be required.
  if (restarts.plain + restarts.changes - restarts.pending <= 0) {
    const sentence = 'No restart had resolved, so no answer could have been stale.'
    return { word: 'Proves nothing', tone: 'unsure', counts, sentence }
  }
  if (failures.unexplained > 0) {
    const some = counted(failures.unexplained, 'request')
    const sentence = `No answer was stale, torn or wrong, but ${some} failed for a reason that nobody knows.`
    return { word: 'Passed, with failures', tone: 'unsure', counts, sentence }
  }
  return { word: 'Passed', tone: 'good', counts, sentence: passedSentence(results) }
}

function passedSentence({ verdicts, failures, allowed }: Results): string {
  const old = allowed.duringOutage + allowed.unchecked + allowed.withinMaxAge + allowed.claimed
  const parts = [
    old === 0
      ? 'Every answer was whole, of the right tenant, and built after the last restart before it.'
      : 'Every answer was whole, of the right tenant, and no older than it may be.',
  ]
  const reasons = []
  if (failures.byKill > 0) reasons.push('a replica was killed')
  if (failures.byOutage > 0) reasons.push('the store was away')
  if (verdicts.failed > 0) {
    parts.push(`${counted(verdicts.failed, 'request')} failed, all because ${reasons.join(' or ')}.`)
  }
  return parts.join(' ')
}
