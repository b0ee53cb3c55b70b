/** How a stamp looks: an angle on the colour wheel, and one of two tones. */
export interface Colour {
  readonly hue: number
  readonly tone: 'deep' | 'bright'
}

/** The angle that takes numbers that follow each other far apart. */
const GOLDEN_ANGLE = 137.508

/**
 * As many as can be told apart at a glance. From a continuous scale, two stamps of one tenant would too often get
 * colours that nobody can tell apart.
 */
const HUES = 24

/** Closer than this, two hues look like one. */
const NEAR = 35

/**
 * The colour of a stamp; never nearly the one that was there before: a restart shall be seen.
 *
 * @param before the colour of the generation before, if it is known
 */
export function colourOf(stamp: string, before?: Colour): Colour {
  const hash = hashOf(stamp)
  const slot = hash % HUES
  const isNear = before !== undefined && distance(hueOf(slot), before.hue) < NEAR
  return {
    // The next one is far from this one, and so from whatever is near to this one.
    hue: hueOf(isNear ? (slot + 1) % HUES : slot),
    tone: (hash >>> 16) % 2 === 0 ? 'deep' : 'bright',
  }
}

function hueOf(slot: number): number {
  return Math.round((slot * GOLDEN_ANGLE) % 360)
}

function distance(hue: number, other: number): number {
  const angle = Math.abs(hue - other)
  return Math.min(angle, 360 - angle)
}

/** FNV-1a, with a last stir: the low bits of stamps that differ in one character shall differ too. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d) >>> 0
}
