/**
 * What is broken: one of the promises G1 to G9, R5, that in the end everything is as the authority says, or that a
 * world comes to its end at all: that none of its steps throws, and that they are not endless.
 */
export type Promised = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'G7' | 'G8' | 'G9' | 'R5' | 'END' | 'STEP'

/** A promise that has not been kept. */
export interface Violation {
  readonly promised: Promised
  readonly text: string
}

export type Violate = (promised: Promised, text: string) => void
