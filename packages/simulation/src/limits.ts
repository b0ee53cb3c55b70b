/** The replicas' options: shorter than the defaults, so that much happens in little time. In milliseconds. */
export const LIMITS = {
  buildTimeoutMs: 1000,
  checkTimeoutMs: 300,
  maxUncheckedMs: 1400,
  sweepMs: 700,
  drainTimeoutMs: 1200,
  unknownForMs: 2000,
} as const
