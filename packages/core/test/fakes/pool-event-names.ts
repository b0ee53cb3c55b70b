/** All events of a pool. */
export const EVENTS = [
  'built',
  'buildFailed',
  'notFound',
  'replaced',
  'evicted',
  'disposed',
  'disposeFailed',
  'storeUnreachable',
  'storeReachable',
  'keyFailed',
  'keyAnswered',
  'hostnamesFailed',
  'lookupFailed',
  'lookupAnswered',
] as const
