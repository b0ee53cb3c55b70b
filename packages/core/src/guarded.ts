/**
 * Tells listeners of an event. One that throws must not break the order of things: what it throws is reported as an
 * uncaught exception instead.
 */
export function guarded(tell: () => void): void {
  try {
    tell()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
