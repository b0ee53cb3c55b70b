import { bare } from './bare.ts'
import { bentocache } from './bentocache.ts'
import { getPerRequest, pipelinedGet } from './by-hand.ts'
import { layeredLoader } from './layered-loader.ts'
import { lru } from './lru.ts'
import { push } from './push.ts'
import type { Subject } from './subject.ts'
import { directory, everyRequest, maxAge } from './tenantry.ts'

export type { Setting, Subject } from './subject.ts'

/** All of them, by the name that the command line knows; the first is what the others are ratios to. */
export const subjects: Readonly<Record<string, Subject>> = {
  bare,
  lru,
  'every-request': everyRequest,
  'max-age': maxAge,
  'by-hand': getPerRequest,
  'by-hand-pipelined': pipelinedGet,
  'layered-loader': layeredLoader,
  bentocache,
  push,
  directory,
}

/** @throws when there is none of that name */
export function subjectNamed(name: string): Subject {
  const subject = subjects[name]
  if (subject !== undefined) return subject
  throw new Error(`Expected a subject, one of ${Object.keys(subjects).join(', ')}; got "${name}"`)
}
